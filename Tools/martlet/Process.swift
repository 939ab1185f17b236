// SPDX-License-Identifier: Apache-2.0
//
// What a process has of the system: its streams, its environment, its terminal.
import Glibc
import Synchronization

/// Whether nobody reads standard output any more.
let isOutputClosed = Atomic<Bool>(false)

func write(_ bytes: [UInt8], to descriptor: Int32) {
    var written = 0
    while written < bytes.count {
        // SAFETY: the pointer is used within the closure only, for the bytes that are left.
        let count = unsafe bytes[written...].withUnsafeBytes {
            unsafe Glibc.write(descriptor, $0.baseAddress, $0.count)
        }
        if count < 0, errno == EINTR { continue }
        guard count > 0 else {
            if descriptor == 1 { isOutputClosed.store(true, ordering: .relaxed) }
            return
        }
        written += count
    }
}

/// All of standard input; nil when there is more than that, or it cannot be read.
func readInput(limitBytes: Int) -> [UInt8]? {
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 64 << 10)
    while true {
        // SAFETY: the pointer is used within the closure only.
        let count = unsafe chunk.withUnsafeMutableBytes {
            unsafe Glibc.read(0, $0.baseAddress, $0.count)
        }
        if count < 0, errno == EINTR { continue }
        guard count > 0 else { return count == 0 ? bytes : nil }
        bytes += chunk[..<count]
        guard bytes.count <= limitBytes else { return nil }
    }
}

func hostName() -> String {
    var name = [CChar](repeating: 0, count: 256)
    // SAFETY: the last byte stays 0, whatever is written before it.
    guard unsafe gethostname(&name, name.count - 1) == 0 else { return "martlet" }
    return String(decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
}

func environment(_ name: String) -> String? {
    // SAFETY: the string is copied at once, and nothing here changes the environment.
    unsafe getenv(name).map { unsafe String(cString: $0) }
}

/// This program's file; nil if that is not known.
func ownExecutable() -> String? {
    var path = [CChar](repeating: 0, count: Int(PATH_MAX))
    // SAFETY: the kernel writes at most as many bytes as it is told.
    let count = unsafe readlink("/proc/self/exe", &path, path.count)
    guard count > 0, count < path.count else { return nil }
    return String(decoding: path.prefix(count).map(UInt8.init(bitPattern:)), as: UTF8.self)
}

/// nil if it is gone.
func workingDirectory() -> String? {
    var path = [CChar](repeating: 0, count: Int(PATH_MAX))
    // SAFETY: the system writes at most as many bytes as it is told, a zero last.
    guard unsafe getcwd(&path, path.count) != nil else { return nil }
    return String(decoding: path.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
}

/// Of the terminal: columns, 80 where there is none, and lines, 0 where there are none.
func terminalSize() -> (columns: Int, lines: Int) {
    var size = winsize()
    // SAFETY: the kernel fills the structure that it is given.
    guard unsafe ioctl(1, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else {
        return (80, 0)
    }
    return (Int(size.ws_col), Int(size.ws_row))
}

/// Nanoseconds since 1970-01-01 UTC.
func wallClockNanoseconds() -> Int64 {
    var time = timespec()
    // SAFETY: the kernel fills the structure that it is given.
    unsafe _ = clock_gettime(CLOCK_REALTIME, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
}

/// Nanoseconds since some moment, for spans of time.
func monotonicNanoseconds() -> Int64 {
    var time = timespec()
    // SAFETY: the kernel fills the structure that it is given.
    unsafe _ = clock_gettime(CLOCK_MONOTONIC, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
}

/// Of the file system that a folder is on, for users without privileges.
func space(_ folder: String) -> (freeBytes: UInt64, totalBytes: UInt64)? {
    var facts = statvfs()
    // SAFETY: the kernel fills the structure that it is given; the string ends with a zero.
    guard unsafe statvfs(folder, &facts) == 0 else { return nil }
    let unit = UInt64(facts.f_frsize)
    return (UInt64(facts.f_bavail) * unit, UInt64(facts.f_blocks) * unit)
}

/// Shows a question on the terminal; the line that is typed, without its end.
func ask(_ question: String) -> String? {
    write(Array(question.utf8), to: 1)
    return readLine()
}

/// Gives a file the owner and the group of a folder. Nothing to do for whoever owns both.
func adopt(_ file: String, asIn folder: String) -> Bool {
    var wanted = stat()
    var present = stat()
    // SAFETY: the kernel fills the structures that it is given; the strings end with a zero.
    guard unsafe stat(folder, &wanted) == 0, unsafe stat(file, &present) == 0 else { return false }
    guard wanted.st_uid != present.st_uid || wanted.st_gid != present.st_gid else { return true }
    // SAFETY: the string ends with a zero.
    return unsafe chown(file, wanted.st_uid, wanted.st_gid) == 0
}
