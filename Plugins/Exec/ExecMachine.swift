// SPDX-License-Identifier: Apache-2.0
internal import Glibc
package import MartletTransport

/// Processes and folders as Linux has them.
package struct ExecMachine: TaskMachine {
    package init() {}

    package func birth(of processID: Int32) -> String? {
        guard processID > 0, let boot = Self.text("/proc/sys/kernel/random/boot_id"),
            let stat = Self.text("/proc/\(processID)/stat"),
            // The name is in parentheses and may have anything in it, blanks and parentheses too.
            let end = stat.lastIndex(of: ")")
        else { return nil }
        // From the third on (proc(5)): the state, and as the twenty-second when it began.
        let fields = stat[stat.index(after: end)...].split(separator: " ")
        guard fields.count > 19, fields[0] != "Z", fields[0] != "X" else { return nil }
        return "\(boot.prefix { !$0.isWhitespace }):\(fields[19])"
    }

    package func send(signal: Int32, toGroup group: Int32) {
        // 0, 1 and what is negative would be other processes than those of a group.
        guard group > 1 else { return }
        _ = kill(-group, signal)
    }

    package func removeTree(_ path: String) throws(FileError) {
        var status = stat()
        guard unsafe lstat(path, &status) == 0 else { throw Self.failure(path) }
        if status.st_mode & S_IFMT == S_IFDIR {
            // What a task has locked against its own user.
            if status.st_mode & S_IRWXU != S_IRWXU { unsafe _ = chmod(path, 0o700) }
            for name in try Self.names(in: path) { try removeTree("\(path)/\(name)") }
        }
        guard unsafe remove(path) == 0 || errno == ENOENT else { throw Self.failure(path) }
    }

    private static func names(in path: String) throws(FileError) -> [String] {
        guard let folder = unsafe opendir(path) else { throw failure(path) }
        defer { unsafe closedir(folder) }
        var names: [String] = []
        while let entry = unsafe readdir(folder) {
            let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }

    private static func failure(_ path: String) -> FileError {
        .failed(path: path, reason: lastError())
    }

    /// A small file of the kernel; nil if it is not there.
    private static func text(_ path: String) -> String? {
        let file = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = unsafe bytes.withUnsafeMutableBytes {
            unsafe read(file, $0.baseAddress, $0.count)
        }
        guard count > 0 else { return nil }
        return String(decoding: bytes.prefix(count), as: UTF8.self)
    }
}

/// What the system says of the last call that failed.
func lastError() -> String {
    let code = errno
    // SAFETY: the text is copied at once.
    return unsafe strerror(code).map { unsafe String(cString: $0) } ?? "error \(code)"
}
