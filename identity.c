/*
 * As whom: the effective ids are the recipient's while its files are
 * touched, and root's again between.  The saved uid stays root's, so that
 * no recipient may signal or trace the process.
 */
#include <errno.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "lmtpd.h"

#define KEEP	((uid_t)-1)	/* to setresuid(2): as it is */

/* Makes sure that we cannot become root again.  0, or -1 and errno. */
static int
shut_way_back(void)
{
	if (setresuid(KEEP, 0, KEEP) == -1)
		return 0;
	errno = EPERM;
	return -1;
}

/* Becomes uid and gid for good, whoever we were.  0, or -1 and errno. */
static int
set_ids(uid_t uid, gid_t gid)
{
	if (setresgid(gid, gid, gid) == -1 || setresuid(uid, uid, uid) == -1)
		return -1;
	return uid == 0 ? 0 : shut_way_back();
}

/*
 * Where setgroups(2) is not to be had, as in a user namespace of one user,
 * whoever has no groups needs none taken away.
 */
static int
set_groups(size_t n, const gid_t *groups)
{
	if (setgroups(n, groups) == 0)
		return 0;
	return errno == EPERM && getgroups(0, NULL) == 0 ? 0 : -1;
}

int
identity_assume(struct credentials *c, const struct identity *id)
{
	int save;

	if (!c->cfg->each_as_itself || (c->assumed && c->uid == id->uid &&
	    c->gid == id->gid && !c->groups && id->ngroups == 0))
		return 0;
	identity_resume(c);
	if (id->uid == KEEP || id->gid == KEEP) {
		errno = EINVAL;
		return -1;
	}
	c->assumed = true;
	/* Groups and gid first: only root's uid may change them. */
	if (c->groups || id->ngroups > 0) {
		if (set_groups((size_t)id->ngroups, id->groups) == -1)
			goto fail;
		c->groups = id->ngroups > 0;
	}
	if (c->gid != id->gid && setresgid(KEEP, id->gid, KEEP) == -1)
		goto fail;
	c->gid = id->gid;
	if (setresuid(KEEP, id->uid, KEEP) == -1)
		goto fail;
	c->uid = id->uid;
	return 0;
fail:
	save = errno;
	identity_resume(c);
	errno = save;
	return -1;
}

int
identity_assume_directory(struct credentials *c, const struct identity *id)
{
	if (c->cfg->root_lends != LEND_ROOT)
		return identity_assume(c, id);
	identity_resume(c);
	return 0;
}

int
identity_shed(struct credentials *c, const struct identity *id)
{
	if (!c->cfg->each_as_itself)
		return set_ids(c->cfg->uid, c->cfg->gid);
	/* What is effective may be made real by anybody. */
	if (identity_assume(c, id) == -1)
		return -1;
	return set_ids(id->uid, id->gid);
}

void
identity_resume(struct credentials *c)
{
	if (!c->assumed)
		return;
	if (setresuid(KEEP, 0, KEEP) == -1) {
		log_warn(c->cfg, "cannot become root again: %s",
		    strerror(errno));
		_exit(EX_OSERR);
	}
	c->assumed = false;
}

bool
identity_lacks_groups(const struct config *cfg, const struct identity *id,
    int err)
{
	return err == EACCES && cfg->each_as_itself && id->name != NULL &&
	    id->groups == NULL;
}

int
identity_groups(struct identity *id)
{
	int room = 16;
	gid_t *groups;

	for (;;) {
		groups = reallocarray(id->groups, (size_t)room,
		    sizeof(*groups));
		if (groups == NULL)
			return -1;
		id->groups = groups;
		id->ngroups = room;
		if (getgrouplist(id->name, id->gid, groups,
		    &id->ngroups) != -1)
			return 0;
		/* It says how many there are; one that does not is broken. */
		if (id->ngroups <= room) {
			id->ngroups = 0;
			errno = EINVAL;
			return -1;
		}
		room = id->ngroups;
	}
}

/* sendmail starts us as root with its own groups left over. */
int
identity_drop_groups(void)
{
	return set_groups(0, NULL) == -1 || setresgid(0, 0, 0) == -1 ? -1 : 0;
}

int
identity_become(const char *name, uid_t uid, gid_t gid)
{
	struct identity id = { .uid = uid, .gid = gid, .name = name };
	int r;

	if (uid == KEEP || gid == KEEP) {
		errno = EINVAL;
		return -1;
	}
	if (name == NULL)
		r = set_groups(1, &gid);
	else if ((r = identity_groups(&id)) == 0)
		r = set_groups((size_t)id.ngroups, id.groups);
	free(id.groups);
	return r == -1 ? -1 : set_ids(uid, gid);
}
