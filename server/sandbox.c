/* SPDX-License-Identifier: ISC
 *
 * sandbox.c - what the server may ask of the kernel: seccomp(2) and landlock(7).
 */
#include "server/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sched.h>
#include <seccomp.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"

#define READ_FILE (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_EXECUTE)
#define READ_DIR (READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define WRITE_FILE (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE)
#define WRITE_DIR                                                                        \
	(WRITE_FILE | LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_REMOVE_DIR |      \
	 LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR |                  \
	 LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_REFER)
/* All that ABI 2 knows: what is not allowed by a rule is refused. */
#define HANDLED                                                                          \
	(READ_DIR | WRITE_DIR | LANDLOCK_ACCESS_FS_MAKE_CHAR |                           \
	 LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |                   \
	 LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM)

static enum rc
allow_path(int ruleset, const char *path, bool write, struct err *err)
{
	struct stat st;
	int fd = open(path, O_PATH | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return RC_OK;
	if (fd < 0 || fstat(fd, &st) != 0) {
		if (fd >= 0)
			close(fd);
		return err_set(err, RC_IO, "landlock: %s: %s", path, strerror(errno));
	}
	bool dir = S_ISDIR(st.st_mode);
	struct landlock_path_beneath_attr rule = {
		.allowed_access = write ? (dir ? WRITE_DIR : WRITE_FILE)
		                        : (dir ? READ_DIR : READ_FILE),
		.parent_fd = fd,
	};
	long r = syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH,
	                 &rule, 0);
	int saved = errno;
	close(fd);
	if (r != 0)
		return err_set(err, RC_IO, "landlock: %s: %s", path, strerror(saved));
	return RC_OK;
}

static enum rc
enter_landlock(const struct sandbox_paths *paths, struct err *err)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0,
	                   LANDLOCK_CREATE_RULESET_VERSION);
	/* ABI 1 forbids every rename from folder to folder, which the blobs need. */
	if (abi < 2) {
		log_info(NULL, "sandbox.landlock absent", "abi=%ld", abi);
		return RC_OK;
	}
	struct landlock_ruleset_attr attr = { .handled_access_fs = HANDLED };
	int ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
	if (ruleset < 0)
		return err_set(err, RC_IO, "landlock: %s", strerror(errno));
	enum rc rc = RC_OK;
	for (size_t i = 0; rc == RC_OK && i < paths->n_read; i++)
		rc = allow_path(ruleset, paths->read[i], false, err);
	for (size_t i = 0; rc == RC_OK && i < paths->n_write; i++)
		rc = allow_path(ruleset, paths->write[i], true, err);
	if (rc == RC_OK && syscall(SYS_landlock_restrict_self, ruleset, 0) != 0)
		rc = err_set(err, RC_IO, "landlock: %s", strerror(errno));
	close(ruleset);
	if (rc == RC_OK)
		log_info(NULL, "sandbox.landlock", "abi=%ld", abi);
	return rc;
}

/* clang-format off */
static const char *const allowed[] = {
	/* memory, threads, time */
	"brk", "mmap", "munmap", "mprotect", "mremap", "madvise", "clone", "clone3",
	"exit", "exit_group", "futex", "set_robust_list", "get_robust_list", "rseq",
	"membarrier", "set_tid_address", "sched_yield", "sched_getaffinity",
	"sched_setaffinity", "sched_getparam", "sched_getscheduler",
	"sched_get_priority_min", "sched_get_priority_max", "setpriority", "nanosleep",
	"clock_nanosleep", "clock_gettime", "clock_getres", "gettimeofday", "time",
	"times", "getrusage", "sysinfo", "uname", "getrandom", "prctl", "arch_prctl",
	"prlimit64", "getrlimit", "restart_syscall", "getcpu",
	/* who we are, and signals */
	"getpid", "gettid", "getppid", "getuid", "geteuid", "getgid", "getegid",
	"getgroups", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "rt_sigpending",
	"rt_sigtimedwait", "rt_sigsuspend", "sigaltstack", "tgkill", "kill", "signalfd4",
	/* files */
	"open", "openat", "close", "close_range", "read", "write", "readv", "writev",
	"pread64", "pwrite64", "preadv", "pwritev", "lseek", "stat", "fstat", "lstat",
	"newfstatat", "statx", "statfs", "fstatfs", "access", "faccessat", "faccessat2",
	"readlink", "readlinkat", "getcwd", "getdents64", "mkdir", "mkdirat", "rmdir",
	"unlink", "unlinkat", "rename", "renameat", "renameat2", "link", "linkat",
	"ftruncate", "fallocate", "fadvise64", "fsync", "fdatasync", "sync_file_range",
	"utimensat", "futimesat", "fchmod", "fchmodat", "fchown", "umask", "flock",
	"fcntl", "dup", "dup2", "dup3", "pipe", "pipe2",
	/* sockets and readiness */
	"socket", "socketpair", "connect", "bind", "listen", "accept", "accept4",
	"shutdown", "getsockname", "getpeername", "getsockopt", "setsockopt", "sendto",
	"recvfrom", "sendmsg", "recvmsg", "sendmmsg", "recvmmsg", "poll", "ppoll",
	"select", "pselect6", "epoll_create", "epoll_create1", "epoll_ctl", "epoll_wait",
	"epoll_pwait", "epoll_pwait2", "eventfd", "eventfd2", "timerfd_create",
	"timerfd_settime", "timerfd_gettime", "ioctl",
};
/* clang-format on */

#ifdef __SANITIZE_ADDRESS__
/* The leak check at the end looks at the process from a thread of its own. */
static const char *const allowed_in_tests[] = { "ptrace", "wait4", "process_vm_readv",
	                                        "sched_setscheduler" };
#else
static const char *const deadly_looks[] = { "ptrace", "process_vm_readv" };
#endif

/* Nothing that we do comes near these: whoever calls them is not us any more. */
static const char *const deadly[] = {
	"execve", "execveat",    "ptrace",       "process_vm_readv", "process_vm_writev",
	"mount",  "umount2",     "pivot_root",   "chroot",           "setns",
	"bpf",    "init_module", "finit_module", "delete_module",    "kexec_load",
	"keyctl", "add_key",     "request_key",  "userfaultfd",      "perf_event_open",
	"setuid", "setgid",      "setresuid",    "setresgid"
};

static enum rc
add_rules(scmp_filter_ctx f, uint32_t action, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int nr = seccomp_syscall_resolve_name(names[i]);
		if (nr == __NR_SCMP_ERROR)
			continue; /* not on this architecture */
		int r = seccomp_rule_add(f, action, nr, 0);
		if (r != 0 && r != -EDOM)
			return RC_IO;
	}
	return RC_OK;
}

/* Kills for it, but for the one use that loops_part() makes of it. */
static enum rc
add_unshare(scmp_filter_ctx f, bool files)
{
	int nr = SCMP_SYS(unshare);
	int r;

	if (!files)
		return seccomp_rule_add(f, SCMP_ACT_KILL_PROCESS, nr, 0) ? RC_IO : RC_OK;
	r = seccomp_rule_add(f, SCMP_ACT_ALLOW, nr, 1, SCMP_A0(SCMP_CMP_EQ, CLONE_FILES));
	if (r == 0)
		r = seccomp_rule_add(f, SCMP_ACT_KILL_PROCESS, nr, 1,
		                     SCMP_A0(SCMP_CMP_NE, CLONE_FILES));
	return r ? RC_IO : RC_OK;
}

static enum rc
enter_seccomp(bool unshare_files, struct err *err)
{
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	if (!f)
		return err_set(err, RC_IO, "seccomp: no memory");
	enum rc rc = add_rules(f, SCMP_ACT_ALLOW, allowed, ARRAY_LEN(allowed));
#ifdef __SANITIZE_ADDRESS__
	if (rc == RC_OK)
		rc = add_rules(f, SCMP_ACT_ALLOW, allowed_in_tests,
		               ARRAY_LEN(allowed_in_tests));
#else
	if (rc == RC_OK)
		rc = add_rules(f, SCMP_ACT_KILL_PROCESS, deadly_looks,
		               ARRAY_LEN(deadly_looks));
#endif
	if (rc == RC_OK)
		rc = add_rules(f, SCMP_ACT_KILL_PROCESS, deadly, ARRAY_LEN(deadly));
	if (rc == RC_OK)
		rc = add_unshare(f, unshare_files);
	int r = rc == RC_OK ? seccomp_load(f) : -EINVAL;
	seccomp_release(f);
	if (r == -EINVAL || r == -ENOSYS || r == -EOPNOTSUPP) {
		log_warn(NULL, "sandbox.seccomp absent", "why=%s",
		         LOG_STR(span_str(strerror(-r))));
		return RC_OK;
	}
	if (r != 0)
		return err_set(err, RC_IO, "seccomp: %s", strerror(-r));
	log_info(NULL, "sandbox.seccomp", "allowed=%zu", ARRAY_LEN(allowed));
	return RC_OK;
}

enum rc
sandbox_enter(const struct sandbox_paths *paths, bool unshare_files, struct err *err)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return err_set(err, RC_IO, "no_new_privs: %s", strerror(errno));
	enum rc rc = enter_landlock(paths, err);
	if (rc == RC_OK)
		rc = enter_seccomp(unshare_files, err);
	return rc;
}
