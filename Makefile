VERSION =	0.1
PREFIX =	/usr/local
SBINDIR =	${PREFIX}/sbin
MANDIR =	${PREFIX}/share/man
DOCDIR =	${PREFIX}/share/doc/lmtpd

PROGRAMS =	lmtpd starttls
MANUALS =	lmtpd.8 starttls.8
OBJS =		session.o client.o start.o trace.o filter.o parse.o name.o \
		template.o data.o message.o user.o account.o nss.o \
		passwdfile.o way.o deliver.o mbox.o dotlock.o maildir.o \
		folder.o quota.o identity.o failure.o volume.o os.o log.o \
		text.o confine.o
TLS_OBJS =	client.o start.o failure.o parse.o name.o text.o log.o os.o
# Of libc alone.
SIEVE_PARTS =	sieve/action.o sieve/address.o sieve/body.o sieve/check.o \
		sieve/compile.o sieve/date.o sieve/flags.o sieve/header.o \
		sieve/html.o sieve/lexer.o sieve/match.o sieve/mime.o \
		sieve/parser.o sieve/regex.o sieve/run.o sieve/test.o \
		sieve/utf8.o sieve/value.o sieve/verb.o
SIEVE_OBJS =	sieve/arena.o ${SIEVE_PARTS}
TESTS =		tests/table tests/ids tests/hole tests/null tests/sieve \
		tests/sievetext

CFLAGS =	-O2 -g
# NetBSD's make, where there is a DESTDIR, would look for headers in it.
CPPFLAGS =
WARNINGS =	-Wall -Wextra -Wpedantic -Wshadow -Wconversion
HARDEN =	-fPIE -fstack-protector-strong
HARDEN_CPP =	-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
HARDEN_LD =	${LD_${KIND}} -Wl,-z,relro -Wl,-z,now
# On 32 bits too: files above 2 GiB, and times behind the year 2038.
WIDE_CPP =	-D_FILE_OFFSET_BITS=64 -D_TIME_BITS=64

# What is used of libbsd is a few string functions: its archive, where there
# is one, saves every start the loading of two libraries, which costs as many
# instructions as a whole delivery.  What libc has too is taken from libc.
BSD_CPP =	-isystem /usr/include/bsd -DLIBBSD_OVERLAY
BSD_LIBS !=	a=$$(${CC} -print-file-name=libbsd.a) && test -f "$$a" && \
		echo "-lc $$a" || echo -lbsd

# make STATIC=1 and make MUSL=1 build programs that need no library beside
# them, and so start sooner: with glibc, and with musl.  Both know only the
# users in /etc/passwd, and lmtpd -V says so.
STATIC =
MUSL =
KIND =		${STATIC}_${MUSL}
FILES_ONLY =	, for users in /etc/passwd alone

CC__ =		${CC}
CPP__ =		${BSD_CPP}
LD__ =		-pie
LIBS__ =	${BSD_LIBS}

CC_1_ =		${CC}
CPP_1_ =	${BSD_CPP} -DSTATIC
LD_1_ =		-static-pie
LIBS_1_ =	${BSD_LIBS}
OBJS_1_ =	static.o
NOTE_1_ =	${FILES_ONLY}

# musl-gcc finds no headers of the kernel's, so they come behind musl's own,
# and the start file of a static program that can lie anywhere has a name.
CC__1 =		musl-gcc
CPP__1 =	-include musl.h -idirafter /usr/include \
		-idirafter /usr/include/$$(${CC} -print-multiarch)
LD__1 =		-nostartfiles -l:rcrt1.o \
		-Wl,-static,-pie,--no-dynamic-linker,-z,text
OBJS__1 =	musl.o
NOTE__1 =	${FILES_ONLY}

ALL =		${OBJS} ${SIEVE_OBJS} ${OBJS_${KIND}}
LINK =		${CC_${KIND}} ${CFLAGS} ${HARDEN_LD} ${LDFLAGS} -o $@ $@.o
LIBS =		${LIBS_${KIND}}

all: ${PROGRAMS}

# tests/null: lmtpd with a format of mailboxes more.
lmtpd tests/hole tests/null: ${ALL}
	${LINK} ${ALL} ${LIBS}

# Its own calls come first, before those of libc and of musl.o.
tests/ids: ${ALL}
	${LINK} -Wl,-z,muldefs ${ALL} ${LIBS}

tests/table: ${ALL} tests/fence.o
	${LINK} ${ALL} tests/fence.o ${LIBS}

starttls: ${TLS_OBJS} ${OBJS_${KIND}}
	${LINK} ${TLS_OBJS} ${OBJS_${KIND}} ${LIBS}

# A script, a message, what comes of it.
tests/sieve-try: ${SIEVE_OBJS}
	${LINK} ${SIEVE_OBJS} ${OBJS_${KIND}} ${LIBS}

# Their memory has fences.
FENCED =	${SIEVE_PARTS} tests/arena.o tests/fence.o
tests/sieve tests/sievetext: ${FENCED}
	${LINK} ${FENCED} ${OBJS_${KIND}} ${LIBS}

lmtpd: lmtpd.o
starttls: starttls.o
tests/table: tests/table.o
tests/hole: tests/hole.o
tests/ids: tests/ids.o
tests/null: tests/null.o
tests/sieve: tests/sieve.o
tests/sievetext: tests/sievetext.o
tests/sieve-try: tests/sieve-try.o

lmtpd.o starttls.o ${OBJS} ${OBJS_${KIND}}: lmtpd.h
tests/table.o tests/hole.o tests/ids.o tests/null.o: lmtpd.h
tests/null.o: lmtpd.c
client.o: wide.h
filter.o tests/sieve.o tests/sieve-try.o: sieve/sieve.h
tests/sieve.o tests/sievetext.o: sieve/sieve.h sieve/impl.h
tests/sieve.o: sieve/program.h
tests/table.o tests/sieve.o: tests/fence.h
tests/fence.o tests/arena.o: tests/fence.h
tests/arena.o: sieve/sieve.h sieve/impl.h
${SIEVE_OBJS}: sieve/sieve.h sieve/impl.h sieve/program.h

.c.o:
	${CC_${KIND}} -std=c11 -D_GNU_SOURCE \
	    '-DVERSION="${VERSION}${NOTE_${KIND}}"' ${WIDE_CPP} \
	    ${HARDEN_CPP} ${CPP_${KIND}} ${CPPFLAGS} ${WARNINGS} ${HARDEN} \
	    ${CFLAGS} -c -o $@ $<

# Everything that needs no root and no servers.
check: ${PROGRAMS} ${TESTS}
	tests/table
	tests/ids
	tests/sievetext
	tests/sieve
	CC='${CC_${KIND}}' tests/run

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
interop: ${PROGRAMS}
	tests/interop/run ${CLIENT}

faults: lmtpd
	tests/faults/run

# make scale SCALE="-t 10 -q": a short form; STORE="/mnt/a /mnt/b" one of yours
STORE =		gluster
scale: lmtpd
	tests/scale/run ${SCALE} ${STORE}

bench: lmtpd
	bench/run

fuzz:
	fuzz/run

lint:
	tests/lint

# The manual and the recipes name the program where it is put.
AT =		sed 's,/usr/local/sbin,${SBINDIR},g'

install: ${PROGRAMS}
	install -d ${DESTDIR}${SBINDIR} ${DESTDIR}${MANDIR}/man8 \
	    ${DESTDIR}${DOCDIR}
	install ${PROGRAMS} ${DESTDIR}${SBINDIR}
	install -m 644 ${MANUALS} ${DESTDIR}${MANDIR}/man8
	for m in ${MANUALS}; do \
	    ${AT} $$m >${DESTDIR}${MANDIR}/man8/$$m || exit 1; done
	cp -R README LICENSE contrib ${DESTDIR}${DOCDIR}
	find contrib -type f | while read -r f; do \
	    ${AT} "$$f" >"${DESTDIR}${DOCDIR}/$$f" || exit 1; done
	chmod -R u=rwX,go=rX ${DESTDIR}${DOCDIR}

uninstall:
	cd ${DESTDIR}${SBINDIR} && rm -f ${PROGRAMS}
	cd ${DESTDIR}${MANDIR}/man8 && rm -f ${MANUALS}
	rm -rf ${DESTDIR}${DOCDIR}

dist:
	git archive --prefix=lmtpd-${VERSION}/ HEAD | gzip -9n \
	    >lmtpd-${VERSION}.tar.gz

clean:
	rm -f ${PROGRAMS} *.o sieve/*.o tests/*.o ${TESTS} tests/sieve-try \
	    lmtpd-${VERSION}.tar.gz
	rm -rf fuzz/build .mutants

.PHONY: all check mutants demo interop faults scale bench fuzz lint install \
	uninstall dist clean
