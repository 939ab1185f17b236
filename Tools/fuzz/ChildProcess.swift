// SPDX-License-Identifier: Apache-2.0
import Glibc

/// A process of this program whose output goes to a file.
struct ChildProcess {
    private let pid: pid_t

    /// nil when the system refuses.
    init?(_ arguments: [String], output: String) {
        var actions = unsafe posix_spawn_file_actions_t()
        // SAFETY: each C string lives until the child has been made.
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        unsafe posix_spawn_file_actions_addopen(
            &actions, 1, output, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        unsafe posix_spawn_file_actions_adddup2(&actions, 1, 2)
        var words = unsafe (["fuzz"] + arguments).map { unsafe strdup($0) }
        unsafe words.append(nil)
        defer { unsafe words.forEach { unsafe free($0) } }
        // A trap says what it says in a line; the runtime's own backtrace takes a second each.
        var environment = unsafe [strdup("SWIFT_BACKTRACE=enable=no"), nil]
        defer { unsafe environment.forEach { unsafe free($0) } }
        var child: pid_t = 0
        guard
            unsafe posix_spawn(
                &child, "/proc/self/exe", &actions, nil, &words, &environment) == 0
        else { return nil }
        pid = child
    }

    /// Its exit status if it has ended; what a signal ended is 128 and more.
    func poll() -> Int32? {
        var status: Int32 = 0
        guard unsafe waitpid(pid, &status, WNOHANG) == pid else { return nil }
        return Self.exit(status)
    }

    func wait() -> Int32 {
        var status: Int32 = 0
        while unsafe waitpid(pid, &status, 0) < 0, errno == EINTR {}
        return Self.exit(status)
    }

    func kill() { _ = Glibc.kill(pid, SIGKILL) }

    private static func exit(_ status: Int32) -> Int32 {
        let signal = status & 0x7F
        return signal == 0 ? status >> 8 & 0xFF : 128 + signal
    }
}
