// SPDX-License-Identifier: Apache-2.0
import Glibc

/// A process of this program, and what it prints.
// SAFETY: the stream is open from `init` to `wait`, after which nothing is called.
@safe final class ChildProcess {
    private let pid: pid_t
    private let output: UnsafeMutablePointer<FILE>

    /// nil when the system refuses.
    init?(_ arguments: [String]) {
        var ends: [Int32] = [0, 0]
        // SAFETY: two descriptors fit; each C string lives until the child has been made.
        guard unsafe pipe(&ends) == 0 else { return nil }
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        unsafe posix_spawn_file_actions_adddup2(&actions, ends[1], 1)
        unsafe posix_spawn_file_actions_addclose(&actions, ends[0])
        unsafe posix_spawn_file_actions_addclose(&actions, ends[1])
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        var words = unsafe (["simulate"] + arguments).map { unsafe strdup($0) }
        unsafe words.append(nil)
        defer { for unsafe word in unsafe words { unsafe free(word) } }
        var child: pid_t = 0
        let status = unsafe posix_spawn(
            &child, "/proc/self/exe", &actions, nil, &words, environ)
        close(ends[1])
        guard status == 0, let file = unsafe fdopen(ends[0], "r") else {
            close(ends[0])
            return nil
        }
        pid = child
        unsafe output = file
    }

    /// The next line without its end; nil when there are no more.
    func nextLine() -> String? {
        var buffer: UnsafeMutablePointer<CChar>?
        var capacity = 0
        // SAFETY: `getline` allocates what it needs and ends it with a zero.
        defer { unsafe free(buffer) }
        let count = unsafe getline(&buffer, &capacity, output)
        guard count > 0, let start = unsafe buffer else { return nil }
        let line = unsafe String(cString: start)
        return line.hasSuffix("\n") ? String(line.dropLast()) : line
    }

    /// Waits for its end. 0 is success; what a signal ended is 128 and more.
    func wait() -> Int32 {
        // SAFETY: the last use of the stream.
        unsafe fclose(output)
        var status: Int32 = 0
        unsafe waitpid(pid, &status, 0)
        let signal = status & 0x7F
        return signal == 0 ? status >> 8 & 0xFF : 128 + signal
    }
}
