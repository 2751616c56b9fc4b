/*
 * The system's users and groups, as NSS has them: nobody else asks for them.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lmtpd.h"

/* A buffer, twice as large if err says that it was too small.  0 or -1. */
static int
buffer_grow(char **buf, size_t *size, int err)
{
	char *p;

	if (err == ERANGE)
		*size *= 2;
	if (*size > 16 * 1024 * 1024) {
		errno = ERANGE;
		return -1;
	}
	if ((p = reallocarray(*buf, *size, 1)) == NULL)
		return -1;
	*buf = p;
	return 0;
}

int
account_passwd(const char *name, uid_t uid, struct passwd *pw, char **buf)
{
	struct passwd *found = NULL;
	size_t size = 1024;
	int err = 0;

	*buf = NULL;
	do {
		if (buffer_grow(buf, &size, err) == -1)
			return -1;
		/* It is what a module without users is said to return. */
		errno = 0;
		err = name != NULL ?
		    getpwnam_r(name, pw, *buf, size, &found) :
		    getpwuid_r(uid, pw, *buf, size, &found);
	} while (err == ERANGE || err == EINTR);
	errno = err;
	return err != 0 ? -1 : found != NULL;
}

int
account_group(const char *name, gid_t *gid)
{
	struct group gr, *found = NULL;
	size_t size = 1024;
	char *buf = NULL;
	int err = 0;

	do {
		if (buffer_grow(&buf, &size, err) == -1) {
			free(buf);
			return -1;
		}
		err = getgrnam_r(name, &gr, buf, size, &found);
	} while (err == ERANGE || err == EINTR);
	if (err == 0 && found != NULL)
		*gid = gr.gr_gid;
	free(buf);
	errno = err;
	return err != 0 ? -1 : found != NULL;
}

int
account_failed(struct failure *f, const char *call, const char *name)
{
	failure_errno(f, call, "%s", name);
	f->reply = &reply_trouble;
	return -1;
}

/*
 * The start of a file in text, of size bytes.  1, 0 if there is none, where
 * text is "", or -1 with the failure.
 */
static int
read_start(const char *path, char *text, size_t size, struct failure *f)
{
	ssize_t n = 0;
	int fd;

	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) != -1) {
		n = read(fd, text, size - 1);
		if (n == -1)
			account_failed(f, "read", path);
		close(fd);
	} else if (errno != ENOENT)
		n = account_failed(f, "open", path);
	if (n == -1)
		return -1;
	text[n] = '\0';
	return fd != -1;
}

/*
 * Does a service that does not know the name say so itself?  While one is
 * down glibc believes those behind it.  0, or -1 and the failure.
 */
static int
service_has_answered(const char *service, const char *name,
    struct failure *f)
{
	struct passwd pw;
	char *buf;
	int r;

	if (!os_can_ask(service))
		return 0;
	os_ask(service);
	r = account_passwd(name, 0, &pw, &buf);
	free(buf);
	if (r != -1)
		return 0;
	return failure_set(f, &reply_trouble, "getpwnam_r %s: %s does not "
	    "answer: %s", name, service, strerror(errno));
}

int
account_has_answered(const char *name, struct failure *f)
{
	static const char passwd[] = "/etc/passwd";
	static const char conf[] = "/etc/nsswitch.conf";
	char text[16384], services[1024], service[64], c[2];
	const char *s;
	struct text t;
	int r;

	if ((r = read_start(passwd, c, sizeof(c), f)) == -1 ||
	    read_start(conf, text, sizeof(text), f) == -1)
		return -1;
	if (r == 1 && c[0] == '\0')
		return failure_set(f, &reply_trouble, "%s is empty, as if it "
		    "were being written", passwd);
	s = parse_nsswitch(text, "passwd");
	text_init(&t, services, sizeof(services));
	text_bytes(&t, s, strcspn(s, "#\n"));
	for (r = 0; r == 0 && parse_service(&s, service, sizeof(service)); )
		if (!os_has_module(service))
			r = failure_set(f, &reply_trouble, "%s: the module "
			    "of %s could not be loaded", conf, service);
		else
			r = service_has_answered(service, name, f);
	if (services[0] != '\0')
		os_ask(services);
	return r;
}

int
account_option(const char *s, struct config *cfg, char **name)
{
	const char *colon = strchr(s, ':'), *error;
	char *user, *buf = NULL;
	struct passwd pw;
	int r = 1;

	*name = NULL;
	if ((user = strndup(s, colon == NULL ? strlen(s) :
	    (size_t)(colon - s))) == NULL)
		return -1;
	cfg->uid = (uid_t)strtonum(user, 0, UINT32_MAX - 1, &error);
	/* Two numbers say all: nobody is asked who that is. */
	if (error != NULL || colon == NULL) {
		r = account_passwd(error != NULL ? user : NULL, cfg->uid, &pw,
		    &buf);
		if (r == 1) {
			cfg->uid = pw.pw_uid;
			cfg->gid = pw.pw_gid;
			if ((*name = strdup(pw.pw_name)) == NULL)
				r = -1;
		}
	}
	free(buf);
	free(user);
	if (r != 1 || colon == NULL)
		return r;
	cfg->gid = (gid_t)strtonum(colon + 1, 0, UINT32_MAX - 1, &error);
	return error == NULL ? 1 : account_group(colon + 1, &cfg->gid);
}
