dnl Put into sendmail.mc before MAILER(`local').  sendmail runs lmtpd as root;
dnl recipients come without a domain: a template with %d refuses them, and a
dnl passwd-file has to list them so.  lmtpd drops sendmail's own Return-Path for the true one.
FEATURE(`local_lmtp', `/usr/local/sbin/lmtpd', `lmtpd -d maildir:~/Maildir')dnl
dnl Many recipients in one transaction, which Debian's OSTYPE turns off.
MODIFY_MAILER_FLAGS(`LOCAL', `+m')dnl
