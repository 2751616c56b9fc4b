VERSION =	0.1
PREFIX =	/usr/local
SBINDIR =	${PREFIX}/sbin
MANDIR =	${PREFIX}/share/man
DOCDIR =	${PREFIX}/share/doc/lmtpd

CFLAGS =	-O2 -g
WARNINGS =	-Wall -Wextra -Wpedantic -Wshadow -Wconversion
HARDEN =	-fPIE -fstack-protector-strong
HARDEN_CPP =	-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
HARDEN_LD =	${PIE_${STATIC}} -Wl,-z,relro -Wl,-z,now
BSD_CPP =	-isystem /usr/include/bsd -DLIBBSD_OVERLAY

# What is used of libbsd is a few string functions: its archive, where there
# is one, saves every start the loading of two libraries, which costs as many
# instructions as a whole delivery.  What libc has too is taken from libc.
BSD_LIBS !=	a=$$(${CC} -print-file-name=libbsd.a) && test -f "$$a" && \
		echo "-lc $$a" || echo -lbsd

# make STATIC=1: no time for ld.so, nor NSS modules for -U passwd but libc's.
PIE_ =		-pie
PIE_1 =		-static-pie

OBJS =		session.o client.o trace.o filter.o parse.o template.o data.o message.o user.o \
		deliver.o mbox.o maildir.o quota.o identity.o failure.o \
		os.o log.o text.o confine.o

TLS_OBJS =	client.o parse.o text.o log.o os.o

# Of libc alone.
SIEVE_OBJS =	sieve/action.o sieve/address.o sieve/arena.o sieve/body.o \
		sieve/check.o sieve/compile.o sieve/date.o sieve/flags.o \
		sieve/header.o sieve/html.o sieve/lexer.o sieve/match.o \
		sieve/mime.o sieve/parser.o sieve/regex.o sieve/run.o sieve/test.o \
		sieve/utf8.o sieve/value.o sieve/verb.o

all: lmtpd starttls

lmtpd: lmtpd.o ${OBJS} ${SIEVE_OBJS}
	${CC} ${CFLAGS} ${HARDEN_LD} ${LDFLAGS} -o $@ lmtpd.o ${OBJS} \
	    ${SIEVE_OBJS} ${BSD_LIBS}

starttls: starttls.o ${TLS_OBJS}
	${CC} ${CFLAGS} ${HARDEN_LD} ${LDFLAGS} -o $@ starttls.o ${TLS_OBJS} \
	    ${BSD_LIBS}

lmtpd.o starttls.o ${OBJS}: lmtpd.h

.c.o:
	${CC} -std=c11 -D_GNU_SOURCE -DVERSION=\"${VERSION}\" ${HARDEN_CPP} \
	    ${BSD_CPP} ${CPPFLAGS} ${WARNINGS} ${HARDEN} ${CFLAGS} -c -o $@ $<

# Everything that needs no root and no servers.
tests/table: tests/table.o ${OBJS} ${SIEVE_OBJS}
	${CC} ${CFLAGS} ${HARDEN_LD} ${LDFLAGS} -o $@ tests/table.o ${OBJS} \
	    ${SIEVE_OBJS} ${BSD_LIBS}

tests/hole: tests/hole.o ${OBJS} ${SIEVE_OBJS}
	${CC} ${CFLAGS} ${HARDEN_LD} ${LDFLAGS} -o $@ tests/hole.o ${OBJS} \
	    ${SIEVE_OBJS} ${BSD_LIBS}

tests/table.o tests/hole.o: lmtpd.h

${SIEVE_OBJS}: sieve/sieve.h sieve/impl.h sieve/program.h

tests/sieve: tests/sieve.o ${SIEVE_OBJS}
	${CC} ${CFLAGS} ${HARDEN_LD} ${LDFLAGS} -o $@ tests/sieve.o \
	    ${SIEVE_OBJS}

# A script, a message, what comes of it.
tests/sieve-try: tests/sieve-try.o ${SIEVE_OBJS}
	${CC} ${CFLAGS} ${HARDEN_LD} ${LDFLAGS} -o $@ tests/sieve-try.o \
	    ${SIEVE_OBJS} ${BSD_LIBS}

tests/sieve.o tests/sieve-try.o: sieve/sieve.h

tests/sievetext: tests/sievetext.o ${SIEVE_OBJS}
	${CC} ${CFLAGS} ${HARDEN_LD} ${LDFLAGS} -o $@ tests/sievetext.o \
	    ${SIEVE_OBJS}

tests/sievetext.o: sieve/sieve.h sieve/impl.h

check: lmtpd starttls tests/table tests/hole tests/sieve tests/sievetext
	tests/table
	tests/sievetext
	tests/sieve
	tests/run

# A message before the reader's eyes: no root, nothing but a shell.
demo: lmtpd
	tests/demo

# Root, and a machine that may be tried hard.
interop: all
	tests/interop/run ${CLIENT}

faults: lmtpd
	tests/faults/run

bench: lmtpd
	bench/run

fuzz:
	fuzz/run

lint:
	tests/lint

install: all
	install -d ${DESTDIR}${SBINDIR} ${DESTDIR}${MANDIR}/man8 \
	    ${DESTDIR}${DOCDIR}
	install lmtpd starttls ${DESTDIR}${SBINDIR}
	install -m 644 lmtpd.8 starttls.8 ${DESTDIR}${MANDIR}/man8
	cp -R README LICENSE contrib ${DESTDIR}${DOCDIR}

uninstall:
	cd ${DESTDIR}${SBINDIR} && rm -f lmtpd starttls
	cd ${DESTDIR}${MANDIR}/man8 && rm -f lmtpd.8 starttls.8
	rm -rf ${DESTDIR}${DOCDIR}

dist:
	git archive --prefix=lmtpd-${VERSION}/ HEAD | gzip -9n \
	    >lmtpd-${VERSION}.tar.gz

clean:
	rm -f lmtpd starttls *.o sieve/*.o tests/table tests/hole tests/sieve \
	    tests/sievetext tests/sieve-try tests/*.o lmtpd-${VERSION}.tar.gz
	rm -rf fuzz/build

.PHONY: all check demo interop faults bench fuzz lint install uninstall \
	dist clean
