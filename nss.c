/*
 * NSS, of which glibc does not tell all: a service that it could not load, or
 * that is down while others answer, seems to know nobody.
 */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lmtpd.h"

#if defined(__GLIBC__) && !defined(STATIC)

#include <dlfcn.h>
#include <nss.h>

/* Or do users come from a library that was preloaded? */
static bool
glibc_knows_users(void)
{
	void *users = dlsym(RTLD_DEFAULT, "getpwnam_r");
	void *glibc = dlsym(RTLD_DEFAULT, "gnu_get_libc_version");
	Dl_info a, b;

	return users != NULL && glibc != NULL && dladdr(users, &a) != 0 &&
	    dladdr(glibc, &b) != 0 && a.dli_fbase == b.dli_fbase;
}

/* The module of a service, as dlopen(3) gives it with this flag more. */
static void *
module_open(const char *service, int flag)
{
	char name[128];
	struct text t;

	text_init(&t, name, sizeof(name));
	text_add(&t, "libnss_", service, ".so.2", NULL);
	return dlopen(name, RTLD_LAZY | flag);
}

/*
 * Has glibc the module of a service, if there is one?  What it could not load,
 * be it for want of descriptors or memory, it passes over for good.  What is
 * not there at all is no service: systems name some that need not be installed.
 */
static bool
module_is_loaded(const char *service)
{
	const char *error;
	void *module;

	/* These are glibc's own. */
	if (strcmp(service, "files") == 0 || strcmp(service, "dns") == 0)
		return true;
	if ((module = module_open(service, RTLD_NOLOAD)) != NULL) {
		dlclose(module);
		return true;
	}
	/* nscd(8) answers for them. */
	if (faccessat(AT_FDCWD, "/run/nscd/socket", F_OK, 0) == 0 ||
	    faccessat(AT_FDCWD, "/var/run/nscd/socket", F_OK, 0) == 0)
		return true;
	if ((module = module_open(service, 0)) != NULL) {
		/* It is there by now, but glibc will not try again. */
		dlclose(module);
		return !glibc_knows_users();
	}
	error = dlerror();
	return error != NULL && strstr(error, strerror(ENOENT)) != NULL;
}

/* May users be asked of a service by itself? */
static bool
service_can_be_asked(const char *service)
{
	void *module;

	if (strcmp(service, "files") == 0)
		return true;
	if ((module = module_open(service, 0)) == NULL)
		return false;
	dlclose(module);
	return true;
}

/*
 * From here on users are asked of these, as nsswitch.conf(5) lists them; with
 * glibc before 2.34 only if nobody was asked before.
 */
static void
services_choose(const char *services)
{
	(void)__nss_configure_lookup("passwd", services);
}

#else

static bool
module_is_loaded(const char *service)
{
	(void)service;
	return true;
}

static bool
service_can_be_asked(const char *service)
{
	(void)service;
	return false;
}

static void
services_choose(const char *services)
{
	(void)services;
}

#endif

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

	if (!service_can_be_asked(service))
		return 0;
	services_choose(service);
	r = account_passwd(name, 0, &pw, &buf);
	free(buf);
	if (r != -1)
		return 0;
	return failure_set(f, &reply_trouble, "getpwnam_r %s: %s does not "
	    "answer: %s", name, service, strerror(errno));
}

int
nss_has_answered(const char *name, struct failure *f)
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
		if (!module_is_loaded(service))
			r = failure_set(f, &reply_trouble, "%s: the module "
			    "of %s could not be loaded", conf, service);
		else
			r = service_has_answered(service, name, f);
	if (services[0] != '\0')
		services_choose(services);
	return r;
}
