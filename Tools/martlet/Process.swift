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
