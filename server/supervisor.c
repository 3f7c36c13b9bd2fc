/* SPDX-License-Identifier: ISC
 *
 * supervisor.c - the parent: binds, starts the server without privileges, restarts it.
 */
#include "server/supervisor.h"

#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "mdm/mdm_auth.h"
#include "server/doors.h"
#include "server/key_file.h"
#include "server/limits.h"
#include "server/notify.h"
#include "server/server.h"
#include "server/server_conf.h"
#include "store/store.h"

#define RESTART_MIN_MS 100
#define RESTART_MAX_MS 10000
#define STEADY_MS 60000

struct supervisor {
	const char *conf_path;
	const struct conf *conf;
	struct doors doors;
	size_t loops;
	uid_t uid;
	gid_t gid;
	bool change_user;
	const char *user;
	uint8_t key[MDM_KEY_SIZE]; /* of remembered passwords */
	sigset_t signals;
};

static enum rc
find_user(struct supervisor *s, const struct server_conf *c, struct err *err)
{
	s->user = c->user;
	if (!*c->user || geteuid() != 0) {
		if (geteuid() == 0)
			log_warn(NULL, "supervisor.root",
			         "the server keeps root: server.user is empty");
		return RC_OK;
	}
	errno = 0;
	struct passwd *pw = getpwnam(c->user);
	if (!pw)
		return err_set(
			err, RC_NOT_FOUND,
			"server.user: there is no account \"%s\" (adduser --system "
			"--group %s makes one)",
			c->user, c->user);
	s->uid = pw->pw_uid;
	s->gid = pw->pw_gid;
	s->change_user = true;
	return RC_OK;
}

static void
say_low(void *arg UNUSED, const char *what, uint64_t have, uint64_t need,
        const char *hint)
{
	log_warn(NULL, "limits.low", "what=%s have=%" PRIu64 " need=%" PRIu64 " hint=%s",
	         what, have, need, LOG_STR(span_str(hint)));
}

/* What the machine gives a process, against what is configured. */
static void
check_limits(const struct server_conf *c, size_t loops)
{
	const struct limits_want want = { .connections = (uint64_t)c->connections,
		                          .tables = c->files_apart ? loops : 1 };
	struct limits have;
	uint64_t files = limits_raise_files(&want);

	limits_read("", &have);
	if (limits_check(&have, &want, say_low, NULL) == 0)
		log_info(NULL, "limits.fine", "connections=%" PRIu64 " files=%" PRIu64,
		         want.connections, files);
}

/* The folder of the store and the control socket belong to the server's user. */
static enum rc
give_away(struct supervisor *s, const struct server_conf *c, struct err *err)
{
	const struct store_conf *store = conf_get(s->conf, "store");
	if (mkdir(store->directory, 0700) != 0 && errno != EEXIST)
		return err_set(err, RC_IO, "store.directory %s: %s", store->directory,
		               strerror(errno));
	if (*c->control && chmod(c->control, 0600) != 0)
		return err_set(err, RC_IO, "%s: %s", c->control, strerror(errno));
	if (!s->change_user)
		return RC_OK;
	if (chown(store->directory, s->uid, s->gid) != 0)
		return err_set(err, RC_IO, "%s: %s", store->directory, strerror(errno));
	if (*c->control && chown(c->control, s->uid, s->gid) != 0)
		return err_set(err, RC_IO, "%s: %s", c->control, strerror(errno));
	return RC_OK;
}

static int
run_child(struct supervisor *s)
{
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (s->change_user && (initgroups(s->user, s->gid) != 0 || setgid(s->gid) != 0 ||
	                       setuid(s->uid) != 0)) {
		log_error(NULL, "server.user", "why=%s",
		          LOG_STR(span_str(strerror(errno))));
		return 1;
	}
	/* Changing the user clears it: so after. The parent may have gone already. */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
#ifndef __SANITIZE_ADDRESS__
	prctl(PR_SET_DUMPABLE, 0);
#endif
	if (getppid() == 1 && !getenv("GODWIT_PID1"))
		return 1;
	return server_run(s->conf_path, s->conf, &s->doors, s->loops, s->key);
}

static pid_t
start_child(struct supervisor *s)
{
	pid_t pid = fork();
	if (pid == 0)
		_exit(run_child(s));
	if (pid < 0)
		log_error(NULL, "supervisor.fork", "why=%s",
		          LOG_STR(span_str(strerror(errno))));
	else
		log_info(NULL, "supervisor.started", "pid=%d", (int)pid);
	return pid;
}

/* Waits for a signal of the set, at most ms (UINT64_MAX: for ever); 0 when time is up. */
static int
next_signal(const sigset_t *set, uint64_t ms)
{
	int n;
	if (ms == UINT64_MAX) {
		while ((n = sigwaitinfo(set, NULL)) < 0 && errno == EINTR)
			continue;
		return n;
	}
	struct timespec t = { .tv_sec = (time_t)(ms / 1000),
		              .tv_nsec = (long)(ms % 1000) * 1000000 };
	n = sigtimedwait(set, NULL, &t);
	return n > 0 ? n : 0;
}

/* Says how the server ended; true when it was asked to or cannot be helped by a restart.
 */
static bool
tell_end(int status, bool stopping)
{
	if (WIFSIGNALED(status)) {
		int sig = WTERMSIG(status);
		log_error(NULL, "supervisor.server died", "signal=%d name=SIG%s%s", sig,
		          sigabbrev_np(sig),
		          sig == SIGSYS ? " hint=\"a forbidden system call\"" : "");
		return stopping;
	}
	int code = WEXITSTATUS(status);
	if (code == 0 && stopping)
		log_info(NULL, "supervisor.stopped", "status=0");
	else
		log_error(NULL, "supervisor.server ended", "status=%d", code);
	return stopping || code == SERVER_EXIT_CONFIG;
}

static int
watch(struct supervisor *s)
{
	uint64_t delay = RESTART_MIN_MS;
	bool stopping = false;
	int status = 0;

	for (;;) {
		uint64_t started = clock_mono_ms();
		pid_t pid = start_child(s);
		if (pid < 0)
			return 1;
		for (bool up = true; up;) {
			int sig = next_signal(&s->signals, UINT64_MAX);
			if (sig == SIGTERM || sig == SIGINT) {
				if (!stopping)
					notify_send("STOPPING=1");
				stopping = true;
				kill(pid, SIGTERM);
			} else if (sig == SIGHUP) {
				kill(pid, SIGHUP);
			} else if (sig == SIGCHLD) {
				up = waitpid(pid, &status, WNOHANG) != pid;
			}
		}
		if (tell_end(status, stopping))
			return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
		if (clock_mono_ms() - started > STEADY_MS)
			delay = RESTART_MIN_MS;
		log_info(NULL, "supervisor.restart", "in_ms=%" PRIu64, delay);
		int sig = next_signal(&s->signals, delay);
		if (sig == SIGTERM || sig == SIGINT)
			return 1;
		delay = delay * 2 > RESTART_MAX_MS ? RESTART_MAX_MS : delay * 2;
	}
}

int
supervisor_run(const char *conf_path, const struct conf *conf)
{
	const struct server_conf *c = conf_get(conf, "server");
	struct supervisor s = { .conf_path = conf_path, .conf = conf };
	struct err err = { "" };
	cpu_set_t cpus;

	s.loops = (size_t)c->loops;
	if (s.loops == 0)
		s.loops = sched_getaffinity(0, sizeof(cpus), &cpus) == 0
		                  ? (size_t)CPU_COUNT(&cpus)
		                  : 1;
	sigemptyset(&s.signals);
	const int signals[] = { SIGTERM, SIGINT, SIGHUP, SIGCHLD };
	for (size_t i = 0; i < ARRAY_LEN(signals); i++)
		sigaddset(&s.signals, signals[i]);
	sigprocmask(SIG_BLOCK, &s.signals, NULL);

	check_limits(c, s.loops);
	umask(0077);
	const struct mdm_conf *access = conf_get(conf, "access");
	key_file_load(access->remember_key, s.key, sizeof(s.key));
	enum rc rc = find_user(&s, c, &err);
	if (rc == RC_OK)
		rc = doors_open(conf, s.loops, &s.doors, &err);
	if (rc == RC_OK)
		rc = give_away(&s, c, &err);
	if (rc != RC_OK) {
		log_error(NULL, "supervisor.start", "why=%s",
		          LOG_STR(span_str(err.text)));
		doors_close(&s.doors);
		return 1;
	}
	int status = watch(&s);
	if (*c->control)
		unlink(c->control);
	doors_close(&s.doors);
	return status;
}
