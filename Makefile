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

OBJS =		session.o parse.o template.o data.o message.o user.o \
		deliver.o mbox.o maildir.o quota.o identity.o failure.o \
		os.o log.o text.o confine.o

all: lmtpd

lmtpd: lmtpd.o ${OBJS}
	${CC} ${CFLAGS} ${HARDEN_LD} ${LDFLAGS} -o $@ lmtpd.o ${OBJS} ${BSD_LIBS}

lmtpd.o ${OBJS}: lmtpd.h

.c.o:
	${CC} -std=c11 -D_GNU_SOURCE -DVERSION=\"${VERSION}\" ${HARDEN_CPP} \
	    ${BSD_CPP} ${CPPFLAGS} ${WARNINGS} ${HARDEN} ${CFLAGS} -c -o $@ $<

# Everything that needs no root and no servers.
tests/table: tests/table.o ${OBJS}
	${CC} ${CFLAGS} ${HARDEN_LD} ${LDFLAGS} -o $@ tests/table.o ${OBJS} \
	    ${BSD_LIBS}

tests/hole: tests/hole.o ${OBJS}
	${CC} ${CFLAGS} ${HARDEN_LD} ${LDFLAGS} -o $@ tests/hole.o ${OBJS} \
	    ${BSD_LIBS}

tests/table.o tests/hole.o: lmtpd.h

check: lmtpd tests/table tests/hole
	tests/table
	tests/run

# A message before the reader's eyes: no root, nothing but a shell.
demo: lmtpd
	tests/demo

# Does the suite see a change?  make mutants N=200 SEED=7 SKIP=200
N =		100
SEED !=		date +%j%H%M
SKIP =		0
mutants:
	tests/mutants/run -n ${N} -s ${SEED} -k ${SKIP}

# Root, and a machine that may be tried hard.
interop: lmtpd
	tests/interop/run ${CLIENT}

faults: lmtpd
	tests/faults/run

bench: lmtpd
	bench/run

fuzz:
	fuzz/run

lint:
	tests/lint

install: lmtpd
	install -d ${DESTDIR}${SBINDIR} ${DESTDIR}${MANDIR}/man8 \
	    ${DESTDIR}${DOCDIR}
	install lmtpd ${DESTDIR}${SBINDIR}/lmtpd
	install -m 644 lmtpd.8 ${DESTDIR}${MANDIR}/man8/lmtpd.8
	cp -R README LICENSE contrib ${DESTDIR}${DOCDIR}

uninstall:
	rm -f ${DESTDIR}${SBINDIR}/lmtpd ${DESTDIR}${MANDIR}/man8/lmtpd.8
	rm -rf ${DESTDIR}${DOCDIR}

dist:
	git archive --prefix=lmtpd-${VERSION}/ HEAD | gzip -9n \
	    >lmtpd-${VERSION}.tar.gz

clean:
	rm -f lmtpd *.o tests/table tests/hole tests/*.o lmtpd-${VERSION}.tar.gz
	rm -rf fuzz/build .mutants

.PHONY: all check mutants demo interop faults bench fuzz lint install \
	uninstall dist clean
