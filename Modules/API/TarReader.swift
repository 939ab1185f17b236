// SPDX-License-Identifier: Apache-2.0

/// Reads a ``Tar`` of any origin piece by piece, however it is cut: it holds less than a block.
package struct TarReader {
    package enum Event: Equatable, Sendable {
        /// A file begins.
        case file(name: String, sizeBytes: Int)
        /// The next bytes of its content; at least one.
        case content(ArraySlice<UInt8>)
        /// All of its content has come.
        case fileEnd
    }

    private enum Stage {
        /// Fewer bytes than a block.
        case header([UInt8])
        case content(left: Int, padding: Int)
        case padding(left: Int)
        case ended
    }

    private let filesMax: Int
    private var files = 0
    private var stage = Stage.header([])

    package init(filesMax: Int) { self.filesMax = filesMax }

    /// - Throws: ``ArchiveError`` as ``Tar/read(_:filesMax:)`` does; the reader is of no use after that.
    package mutating func receive(
        _ bytes: ArraySlice<UInt8>
    ) throws(ArchiveError) -> [Event] {
        var events: [Event] = []
        var rest = bytes
        while !rest.isEmpty {
            switch stage {
            case .header(let begun):
                let more = rest.prefix(Tar.blockBytes - begun.count)
                rest = rest.dropFirst(more.count)
                let block = begun + more
                stage = .header(block)
                if block.count == Tar.blockBytes { try begin(block, &events) }
            case .content(let left, let padding):
                let more = rest.prefix(left)
                rest = rest.dropFirst(more.count)
                events.append(.content(more))
                proceed(left: left - more.count, padding: padding, &events)
            case .padding(let left):
                let count = min(left, rest.count)
                rest = rest.dropFirst(count)
                stage = left == count ? .header([]) : .padding(left: left - count)
            case .ended:
                guard rest.allSatisfy({ $0 == 0 }) else {
                    throw ArchiveError("there is something behind the archive's end")
                }
                rest = []
            }
        }
        return events
    }

    /// - Throws: unless the archive has come to its end.
    package func finish() throws(ArchiveError) {
        switch stage {
        case .ended: break
        case .content: throw ArchiveError("the archive ends within a file")
        case .header, .padding: throw ArchiveError("the archive ends too early")
        }
    }

    private mutating func begin(
        _ block: [UInt8], _ events: inout [Event]
    ) throws(ArchiveError) {
        guard !block.allSatisfy({ $0 == 0 }) else {
            stage = .ended
            return
        }
        guard files < filesMax else { throw ArchiveError("over \(filesMax) files") }
        files += 1
        let (name, size) = try Tar.read(header: block)
        events.append(.file(name: name, sizeBytes: size))
        proceed(left: size, padding: Tar.paddingBytes(after: size), &events)
    }

    private mutating func proceed(left: Int, padding: Int, _ events: inout [Event]) {
        guard left == 0 else {
            stage = .content(left: left, padding: padding)
            return
        }
        events.append(.fileEnd)
        stage = padding == 0 ? .header([]) : .padding(left: padding)
    }
}
