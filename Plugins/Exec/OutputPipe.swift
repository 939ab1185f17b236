// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// What a command writes, on its way to a log.
final class OutputPipe {
    private static let chunkBytes = 64 << 10
    /// After the command has ended: what a process that has left its group writes on is not waited for.
    private static let drainedBytesMax = 1 << 20

    private(set) var writer: Int32
    private var reader: Int32
    private var chunk = [UInt8](repeating: 0, count: chunkBytes)

    init?() {
        var ends: [Int32] = [-1, -1]
        guard unsafe pipe(&ends) == 0 else { return nil }
        (reader, writer) = (ends[0], ends[1])
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        _ = fcntl(reader, F_SETFL, O_NONBLOCK)
    }

    deinit {
        closeWriter()
        if reader >= 0 { close(reader) }
    }

    func closeWriter() {
        if writer >= 0 { close(writer) }
        writer = -1
    }

    /// For poll(2), which passes over a negative descriptor.
    var place: pollfd { pollfd(fd: reader, events: Int16(POLLIN), revents: 0) }

    /// Takes what is there; at the end of the stream nothing more is looked for.
    ///
    /// - Returns: how many bytes.
    @discardableResult
    func copy(into log: inout RotatedLog) -> Int {
        guard reader >= 0 else { return 0 }
        // SAFETY: the pointer is used within the closure only.
        let count = unsafe chunk.withUnsafeMutableBytes {
            unsafe read(reader, $0.baseAddress, $0.count)
        }
        if count > 0 {
            log.write(chunk[..<count])
        } else if count == 0 || (errno != EINTR && errno != EAGAIN) {
            close(reader)
            reader = -1
        }
        return max(0, count)
    }

    /// Throws away what is there.
    func empty() {
        // SAFETY: the pointer is used within the closure only.
        while unsafe chunk.withUnsafeMutableBytes({
            unsafe read(reader, $0.baseAddress, $0.count)
        }) > 0 {}
    }

    func drain(into log: inout RotatedLog) {
        var left = Self.drainedBytesMax
        while left > 0 {
            let count = copy(into: &log)
            guard count > 0 else { return }
            left -= count
        }
    }
}
