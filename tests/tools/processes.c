/* Makes many processes in many ways, and writes down the truth about each: which program a process number stood for, and
 * when. tests/parents.rs compiles it, and compares what documents say about parents.
 *
 *   processes DIR NUMBER SEED    makes about NUMBER processes
 *
 * DIR holds copies of this program under the names in PROGRAMS. A copy runs as `NAME ID DEPTH SEED`. DIR/truth gets lines:
 *
 *   E PID T0 T1 ID PROGRAM ARGUMENTS...   the process executes the program since a time between T0 and T1
 *   F PID T0 T1 ID                        the process is new, and a copy of the one that executes the program with this id
 *
 * All numbers are those of the first process number namespace, times are nanoseconds since 1970.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char *const PROGRAMS[] = {"alpha", "beta", "gamma", "a-long-name-of-a-program"};
#define TRUTH 1000 /* the file descriptor of DIR/truth; it is inherited */

/* Shared by all processes. */
struct shared {
	atomic_long made;
	atomic_long ids;
	long wanted;
	/* The most processes that may exist at once. */
	unsigned most;
	/* Since Linux 6.14 each namespace has a limit of its own for its numbers. */
	int own_limits;
};

static struct shared *shared;
static const char *dir;
static char self[32];
static uint64_t random_state;

static unsigned any(unsigned below)
{
	random_state = random_state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (unsigned)(random_state >> 33) % below;
}

static long now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	return t.tv_sec * 1000000000L + t.tv_nsec;
}

/* The number of this process in the first namespace: /proc is the one of that namespace. */
static long number(void)
{
	char text[32] = {0};
	if (readlink("/proc/self", text, sizeof text - 1) < 0)
		return -1;
	return atol(text);
}

static void say(const char *line)
{
	if (write(TRUTH, line, strlen(line)) < 0)
		_exit(9);
}

/* Notes that this process is new, and a copy of its parent. */
static void copied(long t0)
{
	char line[128];
	atomic_fetch_add(&shared->made, 1);
	random_state ^= (uint64_t)number() * 0x9E3779B97F4A7C15ULL;
	snprintf(line, sizeof line, "F %ld %ld %ld %s\n", number(), t0, now(), self);
	say(line);
}

/* Executes a program. With `fail`, tries one that isn't there before. Safe after vfork. */
static void run(int depth, int fail)
{
	char path[512], id[32], level[8], seed[32], t0[32];
	const char *name = PROGRAMS[any(4)];
	snprintf(path, sizeof path, "%s/%s", dir, name);
	snprintf(id, sizeof id, "%ld", atomic_fetch_add(&shared->ids, 1));
	snprintf(level, sizeof level, "%d", depth);
	snprintf(seed, sizeof seed, "%lu", (unsigned long)any(1u << 30));
	snprintf(t0, sizeof t0, "T0=%ld", now());
	char *argv[] = {(char *)name, id, level, seed, NULL};
	char *envp[] = {t0, NULL};
	if (fail)
		execve("/nowhere/program", argv, envp);
	execve(path, argv, envp);
	_exit(8);
}

static void nap(long microseconds)
{
	struct timespec t = {0, microseconds * 1000};
	nanosleep(&t, NULL);
}

static pid_t new_process(int how)
{
	if (how == 1) {
		struct clone_args args = {.exit_signal = SIGCHLD};
		return (pid_t)syscall(SYS_clone3, &args, sizeof args);
	}
	return fork();
}

/* A child that executes a program. */
static pid_t child(int how, int depth, long wait)
{
	int fail = any(8) == 0;
	if (how == 2) {
		atomic_fetch_add(&shared->made, 1);
		pid_t pid = vfork();
		if (pid == 0)
			run(depth, fail);
		return pid;
	}
	long t0 = now();
	pid_t pid = new_process(how);
	if (pid == 0) {
		copied(t0);
		if (wait)
			nap(wait);
		run(depth, fail);
	}
	return pid;
}

/* A copy that makes children of its own, as a subshell does. */
static pid_t subshell(int depth, int children)
{
	long t0 = now();
	pid_t pid = new_process((int)any(2));
	if (pid != 0)
		return pid;
	copied(t0);
	for (int i = 0; i < children; i++) {
		pid_t one = child((int)any(3), depth, 0);
		if (one > 0 && any(3))
			waitpid(one, NULL, 0);
	}
	while (waitpid(-1, NULL, 0) > 0)
		;
	_exit(0);
}

/* A process that loses its parent. */
static void orphan(int depth)
{
	long t0 = now();
	pid_t pid = new_process((int)any(2));
	if (pid == 0) {
		copied(t0);
		long t1 = now();
		if (fork() == 0) {
			copied(t1);
			setsid();
			if (any(2))
				nap(any(500));
			run(depth, 0);
		}
		_exit(0);
	}
	waitpid(pid, NULL, 0);
}

/* Processes in a namespace of their own: numbers that calls return there aren't those of records. */
static void container(int depth)
{
	long t0 = now();
	pid_t pid = fork();
	if (pid != 0) {
		waitpid(pid, NULL, 0);
		return;
	}
	copied(t0);
	if (unshare(CLONE_NEWPID) != 0)
		_exit(7);
	long t1 = now();
	pid_t first = fork();
	if (first == 0) {
		copied(t1);
		if (shared->own_limits) {
			int limit = open("/proc/sys/kernel/pid_max", O_WRONLY);
			if (limit >= 0 && write(limit, "310", 3) < 0)
				errno = 0;
			close(limit);
		}
		for (int i = 0; i < 6; i++) {
			subshell(depth, 2);
			pid_t one = child((int)any(3), depth, any(300));
			if (one > 0)
				waitpid(one, NULL, 0);
		}
		while (waitpid(-1, NULL, 0) > 0)
			;
		_exit(0);
	}
	waitpid(first, NULL, 0);
	_exit(0);
}

static void *work(void *depth)
{
	prctl(PR_SET_NAME, "worker");
	child((int)any(2), *(int *)depth, 0);
	return NULL;
}

/* A thread with another name makes a child. */
static void threads(int depth)
{
	pthread_t thread;
	if (pthread_create(&thread, NULL, work, &depth) == 0)
		pthread_join(thread, NULL);
}

/* Kills one process. A pidfd names exactly one: kill() would take the -1 of a failed fork for all processes. */
static void end_by_signal(pid_t pid)
{
	int one = (int)syscall(SYS_pidfd_open, pid, 0);
	if (one < 0)
		return;
	nap(any(2000));
	syscall(SYS_pidfd_send_signal, one, SIGKILL, NULL, 0);
	close(one);
}

/* True if there are too many processes. Others need numbers too. */
static int crowded(void)
{
	struct sysinfo info;
	return sysinfo(&info) != 0 || info.procs > shared->most;
}

static void act(int depth)
{
	if (crowded())
		return;
	switch (any(12)) {
	case 0: case 1: case 2:
		child((int)any(3), depth, 0);
		break;
	case 3:
		subshell(depth, 1 + (int)any(3));
		break;
	case 4:
		orphan(depth);
		break;
	case 5: /* killed: no event tells that it ended */
		end_by_signal(subshell(depth, 2));
		break;
	case 6: /* the child may execute its program while its parent executes another one */
		child((int)any(2), depth, any(400));
		if (any(2))
			nap(any(400));
		run(depth - 1, 0);
		break;
	case 7:
		if (any(6) == 0)
			container(depth);
		break;
	case 8:
		threads(depth);
		break;
	case 9:
		child((int)any(3), depth, 0);
		run(depth - 1, any(2) == 0);
		break;
	case 10: /* ends before its child, which gets another parent */
		child((int)any(2), depth, any(1000));
		_exit(0);
	default: /* ends at once */
		break;
	}
}

static void *map(const char *path, int flags)
{
	int fd = open(path, flags, 0600);
	if (fd < 0 || ((flags & O_CREAT) && ftruncate(fd, sizeof *shared) != 0))
		return NULL;
	void *at = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	return at == MAP_FAILED ? NULL : at;
}

/* One of the programs. */
static int program(int argc, char **argv)
{
	static char path[512], line[1024];
	const char *t0 = getenv("T0");
	ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
	if (argc != 4 || !t0 || n < 0)
		return 2;
	snprintf(self, sizeof self, "%s", argv[1]);
	snprintf(line, sizeof line, "E %ld %s %ld %s %s %s %s %s %s\n", number(), t0, now(), self, path, argv[0], argv[1],
		 argv[2], argv[3]);
	say(line);
	*strrchr(path, '/') = 0;
	dir = path;
	snprintf(line, sizeof line, "%s/shared", dir);
	shared = map(line, O_RDWR);
	if (!shared)
		return 3;
	int depth = atoi(argv[2]) - 1;
	random_state = strtoull(argv[3], NULL, 10);
	/* `number` would be the same in two programs with one seed. */
	for (int i = 0, most = depth < 0 ? 0 : 1 + (int)any(3); i < most && atomic_load(&shared->made) < shared->wanted; i++)
		act(depth);
	/* Some end before their children. */
	while (any(4) && waitpid(-1, NULL, 0) > 0)
		;
	return 0;
}

int main(int argc, char **argv)
{
	if (getenv("T0"))
		return program(argc, argv);
	char path[2048];
	if (argc != 4)
		return 2;
	dir = argv[1];
	snprintf(path, sizeof path, "%s/shared", dir);
	shared = map(path, O_RDWR | O_CREAT);
	snprintf(path, sizeof path, "%s/truth", dir);
	int truth = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
	if (!shared || truth < 0 || dup2(truth, TRUTH) < 0)
		return 3;
	close(truth);
	shared->wanted = atol(argv[2]);
	random_state = strtoull(argv[3], NULL, 10);
	struct sysinfo info;
	if (sysinfo(&info) != 0)
		return 4;
	shared->most = info.procs + 300u;
	struct utsname kernel;
	int major = 0, minor = 0;
	uname(&kernel);
	sscanf(kernel.release, "%d.%d", &major, &minor);
	shared->own_limits = major > 6 || (major == 6 && minor >= 14);
	snprintf(self, sizeof self, "main");
	snprintf(path, sizeof path, "E %ld %ld %ld main %s %s %s %s %s\n", number(), now() - 100000000, now(), argv[0], argv[0],
		 argv[1], argv[2], argv[3]);
	say(path);
	/* Processes that live long, and have a child now and then. */
	for (int i = 0; i < 4; i++) {
		long t0 = now();
		if (fork() == 0) {
			copied(t0);
			while (atomic_load(&shared->made) < shared->wanted) {
				if (!crowded())
					child((int)any(3), 0, 0);
				nap(50000);
				while (waitpid(-1, NULL, WNOHANG) > 0)
					;
			}
			_exit(0);
		}
	}
	/* Those without a parent become children of this process, as they do in a session of systemd. */
	if (any(2))
		prctl(PR_SET_CHILD_SUBREAPER, 1);
	int running = 4;
	while (atomic_load(&shared->made) < shared->wanted) {
		if (crowded())
			nap(500);
		else if (child((int)any(3), 4, 0) > 0)
			running++;
		/* Orphans may be among them. */
		while (waitpid(-1, NULL, running > 12 ? 0 : WNOHANG) > 0)
			running--;
	}
	while (waitpid(-1, NULL, 0) > 0)
		;
	return 0;
}
