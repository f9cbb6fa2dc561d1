/* Every change that a process makes to the files below one folder, seen on its way to the system: counted, recorded,
 * refused at the n-th, or met by a kill; and large allocations that are refused; and the libraries in which a process
 * crashes. Loaded with LD_PRELOAD, Linux only.
 *
 * Nothing happens until `steps_watch` or `steps_allocations` is called, from Python by ctypes.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { OPEN = 1, WRITE, RESIZE, RENAME, UNLINK, MKDIR, RMDIR, FSYNC, MAPPED, LINKED };
enum { PASS, FAIL, TORN };
#define FDS 4096

static pthread_mutex_t guard = PTHREAD_MUTEX_INITIALIZER;
static char root[PATH_MAX];
static size_t root_length;
static int record = -1;
static long steps, fail_at, kill_at;
static int fail_errno, fail_lasting, kill_torn, failed_kind;
static char *paths[FDS]; /* of the open files below the folder */

#define REAL(name) \
    static __typeof__(&name) real; \
    if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

/* ---- paths ---- */

static void plain(const char *given, char *out) {
    /* The words of a path, without "." and ".."; symbolic links stay as they are. */
    char all[PATH_MAX * 2] = "";
    if (given[0] != '/') {
        if (!getcwd(all, PATH_MAX)) all[0] = 0;
        strcat(all, "/");
    }
    strncat(all, given, PATH_MAX - 1);
    size_t length = 0;
    for (char *word = all; *word;) {
        while (*word == '/') word++;
        size_t n = strcspn(word, "/");
        if (n == 2 && !strncmp(word, "..", 2)) {
            while (length && out[--length] != '/');
        } else if (n && !(n == 1 && *word == '.') && length + n + 2 < PATH_MAX) {
            out[length++] = '/';
            memcpy(out + length, word, n);
            length += n;
        }
        word += n;
    }
    out[length] = 0;
}

static int below(int folder, const char *given, char *out) {
    char joined[PATH_MAX * 2];
    if (!root_length || !given) return 0;
    if (folder != AT_FDCWD && given[0] != '/') {
        char link[64];
        snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
        ssize_t n = readlink(link, joined, PATH_MAX - 1);
        if (n < 0) return 0;
        snprintf(joined + n, PATH_MAX, "/%s", given);
        given = joined;
    }
    plain(given, out);
    return !strncmp(out, root, root_length) && (out[root_length] == '/' || !out[root_length]);
}

static const char *path_of(int fd) {
    return root_length && fd >= 0 && fd < FDS ? paths[fd] : NULL;
}

static void keep(int fd, const char *path) {
    if (fd < 0 || fd >= FDS) return;
    pthread_mutex_lock(&guard);
    free(paths[fd]);
    paths[fd] = path ? strdup(path) : NULL;
    pthread_mutex_unlock(&guard);
}

/* ---- steps ---- */

static int step(int kind) {
    /* What becomes of the next change. */
    pthread_mutex_lock(&guard);
    long number = ++steps;
    int fails = fail_at && (number == fail_at || (fail_lasting && number > fail_at));
    if (fails && !failed_kind) failed_kind = kind;
    pthread_mutex_unlock(&guard);
    if (kill_at && number == kill_at) {
        if (kill_torn && kind == WRITE) return TORN;
        kill(getpid(), SIGKILL);
    }
    if (!fails) return PASS;
    errno = fail_errno;
    return FAIL;
}

static void put(const void *data, size_t n) {
    const char *at = data;
    while (n) {
        long done = syscall(SYS_write, record, at, n);
        if (done <= 0) return;
        at += done;
        n -= done;
    }
}

static void note(int kind, int64_t number, const char *path, const void *data, size_t n) {
    if (record < 0) return;
    int saved = errno;
    int64_t head[4] = {kind, number, (int64_t)strlen(path), (int64_t)n};
    pthread_mutex_lock(&guard);
    put(head, sizeof head);
    put(path, strlen(path));
    if (n) put(data, n);
    pthread_mutex_unlock(&guard);
    errno = saved;
}

void steps_watch(const char *folder, int record_fd) {
    steps = fail_at = kill_at = 0;
    failed_kind = 0;
    record = record_fd;
    plain(folder, root);
    root_length = strlen(root);
}
void steps_fail(long at, int error, int lasting) {
    fail_at = at;
    fail_errno = error;
    fail_lasting = lasting;
}
void steps_kill(long at, int torn) {
    kill_at = at;
    kill_torn = torn;
}
long steps_done(void) { return steps; }
int steps_failed(void) { return failed_kind; }

/* ---- opening ---- */

static int opened(int folder, const char *given, int flags, mode_t mode) {
    static int (*real)(int, const char *, int, ...);
    if (!real) real = (int (*)(int, const char *, int, ...))dlsym(RTLD_NEXT, "openat64");
    char path[PATH_MAX];
    if (!below(folder, given, path)) {
        int fd = real(folder, given, flags, mode);
        if (fd >= 0 && fd < FDS && paths[fd]) keep(fd, NULL);
        return fd;
    }
    struct stat before;
    int was_there = !stat(path, &before);
    int makes = ((flags & O_CREAT) && !was_there) || ((flags & O_TRUNC) && was_there && before.st_size);
    if (makes && step(OPEN) == FAIL) return -1;
    int fd = real(folder, given, flags, mode);
    if (fd < 0) return fd;
    keep(fd, path);
    if (makes) note(OPEN, was_there, path, NULL, 0);
    return fd;
}

#define OPENING(name) \
    int name(const char *path, int flags, ...) { \
        va_list more; \
        va_start(more, flags); \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0; \
        va_end(more); \
        return opened(AT_FDCWD, path, flags, mode); \
    }
OPENING(open)
OPENING(open64)

#define OPENING_AT(name) \
    int name(int folder, const char *path, int flags, ...) { \
        va_list more; \
        va_start(more, flags); \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0; \
        va_end(more); \
        return opened(folder, path, flags, mode); \
    }
OPENING_AT(openat)
OPENING_AT(openat64)

int creat(const char *path, mode_t mode) { return opened(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }
int creat64(const char *path, mode_t mode) { return opened(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }

int close(int fd) {
    REAL(close);
    if (path_of(fd)) keep(fd, NULL);
    return real(fd);
}

/* ---- content ---- */

static ssize_t written(int fd, const void *data, size_t n, off_t at, int placed) {
    const char *path = path_of(fd);
    int fate = path ? step(WRITE) : PASS;
    if (fate == FAIL) return -1;
    if (fate == TORN) n /= 2;
    if (path && !placed) {
        int appends = fcntl(fd, F_GETFL) & O_APPEND;
        at = lseek(fd, 0, appends ? SEEK_END : SEEK_CUR);
    }
    ssize_t done = placed ? syscall(SYS_pwrite64, fd, data, n, at) : syscall(SYS_write, fd, data, n);
    if (fate == TORN) kill(getpid(), SIGKILL);
    if (path && done > 0) note(WRITE, at, path, data, done);
    return done;
}

ssize_t write(int fd, const void *data, size_t n) { return written(fd, data, n, 0, 0); }
ssize_t pwrite(int fd, const void *data, size_t n, off_t at) { return written(fd, data, n, at, 1); }
ssize_t pwrite64(int fd, const void *data, size_t n, off64_t at) { return written(fd, data, n, at, 1); }

static ssize_t gathered(int fd, const struct iovec *parts, int count, off_t at, int placed) {
    ssize_t total = 0;
    for (int i = 0; i < count; i++) {
        ssize_t done = written(fd, parts[i].iov_base, parts[i].iov_len, at + total, placed);
        if (done < 0) return total ? total : -1;
        total += done;
        if ((size_t)done < parts[i].iov_len) break;
    }
    return total;
}
ssize_t writev(int fd, const struct iovec *parts, int count) {
    REAL(writev);
    return path_of(fd) ? gathered(fd, parts, count, 0, 0) : real(fd, parts, count);
}
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at) {
    REAL(pwritev);
    return path_of(fd) ? gathered(fd, parts, count, at, 1) : real(fd, parts, count, at);
}

/* Copies inside the kernel: refused, so that the caller writes, which is seen. */
ssize_t copy_file_range(int in, off64_t *from, int out, off64_t *to, size_t n, unsigned flags) {
    REAL(copy_file_range);
    if (!path_of(out)) return real(in, from, out, to, n, flags);
    errno = ENOSYS;
    return -1;
}
ssize_t sendfile(int out, int in, off_t *from, size_t n) {
    static ssize_t (*real)(int, int, off_t *, size_t);
    if (!real) real = (ssize_t(*)(int, int, off_t *, size_t))dlsym(RTLD_NEXT, "sendfile");
    if (!path_of(out)) return real(out, in, from, n);
    errno = ENOSYS;
    return -1;
}
ssize_t sendfile64(int out, int in, off_t *from, size_t n) { return sendfile(out, in, from, n); }

static int resized(int fd, off_t size) {
    const char *path = path_of(fd);
    if (path && step(RESIZE) == FAIL) return -1;
    int outcome = syscall(SYS_ftruncate, fd, size);
    if (path && !outcome) note(RESIZE, size, path, NULL, 0);
    return outcome;
}
int ftruncate(int fd, off_t size) { return resized(fd, size); }
int ftruncate64(int fd, off64_t size) { return resized(fd, size); }

static int resized_path(const char *given, off_t size) {
    char path[PATH_MAX];
    int seen = below(AT_FDCWD, given, path);
    if (seen && step(RESIZE) == FAIL) return -1;
    int outcome = syscall(SYS_truncate, given, size);
    if (seen && !outcome) note(RESIZE, size, path, NULL, 0);
    return outcome;
}
int truncate(const char *given, off_t size) { return resized_path(given, size); }
int truncate64(const char *given, off64_t size) { return resized_path(given, size); }

static int reserved(int fd, off_t at, off_t n) {
    /* Gives the error number, as posix_fallocate does. */
    const char *path = path_of(fd);
    if (path && step(RESIZE) == FAIL) return errno;
    if (syscall(SYS_fallocate, fd, 0, at, n)) return errno;
    struct stat now;
    if (path && !fstat(fd, &now)) note(RESIZE, now.st_size, path, NULL, 0);
    return 0;
}
int posix_fallocate(int fd, off_t at, off_t n) { return reserved(fd, at, n); }
int posix_fallocate64(int fd, off64_t at, off64_t n) { return reserved(fd, at, n); }

static int synced(int fd, long number) {
    const char *path = path_of(fd);
    if (path && step(FSYNC) == FAIL) return -1;
    int outcome = syscall(number, fd);
    if (path && !outcome) note(FSYNC, 0, path, NULL, 0);
    return outcome;
}
int fsync(int fd) { return synced(fd, SYS_fsync); }
int fdatasync(int fd) { return synced(fd, SYS_fdatasync); }

static void *mapped(void *at, size_t n, int protection, int flags, int fd, off_t offset) {
    const char *path = path_of(fd);
    if (path && (flags & MAP_SHARED) && (protection & PROT_WRITE)) note(MAPPED, 0, path, NULL, 0);
    return (void *)syscall(SYS_mmap, at, n, protection, flags, fd, offset);
}
void *mmap(void *at, size_t n, int protection, int flags, int fd, off_t offset) {
    return mapped(at, n, protection, flags, fd, offset);
}
void *mmap64(void *at, size_t n, int protection, int flags, int fd, off64_t offset) {
    return mapped(at, n, protection, flags, fd, offset);
}

/* ---- names ---- */

static int renamed(int from_folder, const char *from, int to_folder, const char *to, unsigned flags) {
    char old[PATH_MAX], new[PATH_MAX];
    int seen = below(to_folder, to, new) && below(from_folder, from, old);
    if (seen && step(RENAME) == FAIL) return -1;
    int outcome = syscall(SYS_renameat2, from_folder, from, to_folder, to, flags);
    if (!seen || outcome) return outcome;
    note(RENAME, 0, old, new, strlen(new));
    /* An open file keeps its content under its new name. */
    for (int fd = 0; fd < FDS; fd++)
        if (paths[fd] && !strcmp(paths[fd], old)) keep(fd, new);
    return 0;
}
int rename(const char *from, const char *to) { return renamed(AT_FDCWD, from, AT_FDCWD, to, 0); }
int renameat(int a, const char *from, int b, const char *to) { return renamed(a, from, b, to, 0); }
int renameat2(int a, const char *from, int b, const char *to, unsigned flags) { return renamed(a, from, b, to, flags); }

static int removed(int folder, const char *given, int flags) {
    char path[PATH_MAX];
    struct stat before;
    int kind = flags & AT_REMOVEDIR ? RMDIR : UNLINK;
    int seen = below(folder, given, path) && !lstat(path, &before);
    if (seen && step(kind) == FAIL) return -1;
    int outcome = syscall(SYS_unlinkat, folder, given, flags);
    if (seen && !outcome) note(kind, 0, path, NULL, 0);
    return outcome;
}
int unlink(const char *path) { return removed(AT_FDCWD, path, 0); }
int unlinkat(int folder, const char *path, int flags) { return removed(folder, path, flags); }
int rmdir(const char *path) { return removed(AT_FDCWD, path, AT_REMOVEDIR); }

static int made(int folder, const char *given, mode_t mode) {
    char path[PATH_MAX];
    struct stat before;
    int seen = below(folder, given, path) && stat(path, &before);
    if (seen && step(MKDIR) == FAIL) return -1;
    int outcome = syscall(SYS_mkdirat, folder, given, mode);
    if (seen && !outcome) note(MKDIR, 0, path, NULL, 0);
    return outcome;
}
int mkdir(const char *path, mode_t mode) { return made(AT_FDCWD, path, mode); }
int mkdirat(int folder, const char *path, mode_t mode) { return made(folder, path, mode); }

static void linked(int folder, const char *given) {
    char path[PATH_MAX];
    if (below(folder, given, path)) note(LINKED, 0, path, NULL, 0);
}
int link(const char *from, const char *to) {
    linked(AT_FDCWD, to);
    return syscall(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0);
}
int symlink(const char *from, const char *to) {
    linked(AT_FDCWD, to);
    return syscall(SYS_symlinkat, from, AT_FDCWD, to);
}

/* ---- memory ---- */

static size_t large; /* 0: every allocation passes */
static long allocations, refuse_at;
static int refuse_lasting;

void steps_allocations(size_t from_bytes, long at, int lasting) {
    allocations = 0;
    refuse_at = at;
    refuse_lasting = lasting;
    large = from_bytes;
}
long steps_allocated(void) { return allocations; }

static int refused(size_t n) {
    if (!large || n < large) return 0;
    long number = __sync_add_and_fetch(&allocations, 1);
    if (!refuse_at || number < refuse_at || (number > refuse_at && !refuse_lasting)) return 0;
    errno = ENOMEM;
    return 1;
}

extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

void *malloc(size_t n) { return refused(n) ? NULL : __libc_malloc(n); }
void *calloc(size_t count, size_t n) { return refused(count * n) ? NULL : __libc_calloc(count, n); }
void *realloc(void *old, size_t n) { return refused(n) ? NULL : __libc_realloc(old, n); }
void *memalign(size_t by, size_t n) { return refused(n) ? NULL : __libc_memalign(by, n); }
void *aligned_alloc(size_t by, size_t n) { return refused(n) ? NULL : __libc_memalign(by, n); }
int posix_memalign(void **out, size_t by, size_t n) {
    if (refused(n)) return ENOMEM;
    *out = __libc_memalign(by, n);
    return *out ? 0 : ENOMEM;
}

/* ---- crashes ---- */

static struct sigaction before_crash[NSIG];

static void crashed(int number) {
    /* Which library the process was in, innermost first: Python itself knows its own calls only. */
    static const char head[] = "Native calls:\n";
    void *calls[64];
    int n = backtrace(calls, 64);
    if (write(2, head, sizeof head - 1) > 0) backtrace_symbols_fd(calls, n, 2);
    sigaction(number, &before_crash[number], NULL);
    /* A bad access comes again by itself, and meets the handler before this one. */
    if (number == SIGABRT) raise(number);
}

void steps_name_crashes(void) {
    static const int numbers[] = {SIGSEGV, SIGBUS, SIGFPE, SIGABRT};
    struct sigaction action = {.sa_handler = crashed};
    void *first[1];
    backtrace(first, 1); /* loads what it needs, for which there is no memory later */
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        sigaction(numbers[i], &action, &before_crash[numbers[i]]);
}
