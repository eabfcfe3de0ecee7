"""Linux system call numbers that a confined worker is refused, for x86-64 and aarch64. Data only; opens nothing."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture:
    """What a seccomp filter must know of a machine."""

    audit: int  #: AUDIT_ARCH_* of <linux/audit.h>
    clone: int
    opens: tuple[tuple[int, int], ...]  #: (number, index of its flags argument) of open and openat
    prlimit64: int
    denied: Mapping[str, int]


#: From here on all architectures count alike (<asm-generic/unistd.h>). All of it is answered ENOSYS, as by an older
#: kernel, so that libc falls back (clone3) and what the kernel learns next year is refused as well; but for these:
COMMON = 424
COMMON_ALLOWED = (436, 439, 441, 449)  # close_range faccessat2 epoll_pwait2 futex_waitv

# Each line is one reason to refuse; None: the call does not exist there.
_DENIED: tuple[tuple[str, int | None, int | None], ...] = (
    # network, and descriptors handed about
    ("socket", 41, 198), ("connect", 42, 203), ("accept", 43, 202), ("sendto", 44, 206), ("recvfrom", 45, 207),
    ("sendmsg", 46, 211), ("recvmsg", 47, 212), ("shutdown", 48, 210), ("bind", 49, 200), ("listen", 50, 201),
    ("getsockname", 51, 204), ("getpeername", 52, 205), ("socketpair", 53, 199), ("setsockopt", 54, 208),
    ("getsockopt", 55, 209), ("accept4", 288, 242), ("recvmmsg", 299, 243), ("sendmmsg", 307, 269),
    # other programs, other processes
    ("fork", 57, None), ("vfork", 58, None), ("execve", 59, 221), ("execveat", 322, 281), ("kill", 62, 129),
    ("tkill", 200, 130), ("tgkill", 234, 131), ("rt_sigqueueinfo", 129, 138), ("rt_tgsigqueueinfo", 297, 240),
    ("ptrace", 101, 117), ("process_vm_readv", 310, 270), ("process_vm_writev", 311, 271), ("kcmp", 312, 272),
    ("setpriority", 141, 140), ("sched_setparam", 142, 118), ("sched_setscheduler", 144, 119),
    ("sched_setaffinity", 203, 122), ("sched_setattr", 314, 274), ("ioprio_set", 251, 30),
    ("migrate_pages", 256, 238), ("move_pages", 279, 239),
    # leaving the process group, or undoing PR_SET_PDEATHSIG
    ("setsid", 112, 157), ("setpgid", 109, 154), ("prctl", 157, 167), ("personality", 135, 92),
    # changes to the file system; Landlock has no rights for the second line
    ("truncate", 76, 45), ("rename", 82, None), ("mkdir", 83, None), ("rmdir", 84, None), ("creat", 85, None),
    ("chmod", 90, None), ("fchmod", 91, 52), ("chown", 92, None), ("fchown", 93, 55), ("lchown", 94, None),
    ("link", 86, None), ("unlink", 87, None), ("symlink", 88, None), ("utime", 132, None), ("mknod", 133, None),
    ("setxattr", 188, 5), ("lsetxattr", 189, 6), ("fsetxattr", 190, 7), ("removexattr", 197, 14),
    ("lremovexattr", 198, 15), ("fremovexattr", 199, 16), ("utimes", 235, None), ("mkdirat", 258, 34),
    ("mknodat", 259, 33), ("fchownat", 260, 54), ("futimesat", 261, None), ("unlinkat", 263, 35),
    ("renameat", 264, 38), ("linkat", 265, 37), ("symlinkat", 266, 36), ("fchmodat", 268, 53),
    ("utimensat", 280, 88), ("renameat2", 316, 276), ("mount", 165, 40), ("umount2", 166, 39),
    ("pivot_root", 155, 41), ("chroot", 161, 51), ("quotactl", 179, 60), ("name_to_handle_at", 303, 264),
    ("open_by_handle_at", 304, 265), ("inotify_init", 253, None), ("inotify_init1", 294, 26),
    ("fanotify_init", 300, 262),
    # memory that RLIMIT_AS does not count
    ("memfd_create", 319, 279), ("shmget", 29, 194), ("semget", 64, 190), ("msgget", 68, 186), ("mq_open", 240, 180),
    # rights, namespaces, and parts of the kernel with a history of holes
    ("unshare", 272, 97), ("setns", 308, 268), ("bpf", 321, 280), ("userfaultfd", 323, 282),
    ("perf_event_open", 298, 241), ("add_key", 248, 217), ("request_key", 249, 218), ("keyctl", 250, 219),
    ("io_setup", 206, 0), ("capset", 126, 91), ("setuid", 105, 146), ("setgid", 106, 144), ("setreuid", 113, 145),
    ("setregid", 114, 143), ("setgroups", 116, 159), ("setresuid", 117, 147), ("setresgid", 119, 149),
    ("setfsuid", 122, 151), ("setfsgid", 123, 152), ("modify_ldt", 154, None), ("uselib", 134, None),
    ("lookup_dcookie", 212, 18), ("nfsservctl", 180, 42),
    # the machine
    ("syslog", 103, 116), ("vhangup", 153, 58), ("adjtimex", 159, 171), ("acct", 163, 89), ("settimeofday", 164, 170),
    ("swapon", 167, 224), ("swapoff", 168, 225), ("reboot", 169, 142), ("sethostname", 170, 161),
    ("setdomainname", 171, 162), ("iopl", 172, None), ("ioperm", 173, None), ("init_module", 175, 105),
    ("delete_module", 176, 106), ("clock_settime", 227, 112), ("kexec_load", 246, 104), ("clock_adjtime", 305, 266),
    ("finit_module", 313, 273), ("kexec_file_load", 320, 294),
)  # fmt: skip

ARCHITECTURES = {
    "x86_64": Architecture(
        audit=0xC000003E,
        clone=56,
        opens=((2, 1), (257, 2)),
        prlimit64=302,
        denied={name: x86 for name, x86, _ in _DENIED if x86 is not None},
    ),
    "aarch64": Architecture(
        audit=0xC00000B7,
        clone=220,
        opens=((56, 2),),
        prlimit64=261,
        denied={name: arm for name, _, arm in _DENIED if arm is not None},
    ),
}
