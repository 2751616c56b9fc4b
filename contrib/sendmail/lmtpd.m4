dnl Put into sendmail.mc before MAILER(`local').  sendmail runs lmtpd as root;
dnl recipients come without a domain: %d is empty, and a passwd-file has to
dnl list them so.  lmtpd drops sendmail's own Return-Path for the true one.
FEATURE(`local_lmtp', `/usr/local/sbin/lmtpd', `lmtpd -d maildir:~/Maildir')dnl
dnl Many recipients in one transaction, which Debian's OSTYPE turns off; and
dnl lmtpd, not sendmail, says who exists.
MODIFY_MAILER_FLAGS(`LOCAL', `+m')dnl
MODIFY_MAILER_FLAGS(`LOCAL', `-w')dnl
