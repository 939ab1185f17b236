// SPDX-License-Identifier: Apache-2.0
import MartletTransport
import Synchronization

/// Bytes that are put down between being made and being fetched, or between coming and being used.
/// Blocking: on a lane only.
protocol SpoolFile: AnyObject, Sendable {
    func append(_ bytes: [UInt8]) throws(FileError)
    /// At most so many, from `offset` on; none behind the end.
    func read(from offset: Int, limitBytes: Int) throws(FileError) -> [UInt8]
    /// Nothing else may be asked after that.
    func remove()
}

/// Makes the files of the spool: in a folder of the data folder that holds nothing else, or, for a
/// server without one, in memory. What an earlier start left there is removed at the start.
///
/// Confined to the loop.
final class Spool {
    /// For appending and reading: short calls, which no packing of a state keeps waiting.
    let lane: any Lane
    private let folder: String?
    private let files: (any Files)?
    private var made = 0

    init(folder: String?, files: (any Files)?, loop: any Loop) {
        self.folder = folder
        self.files = files
        lane = loop.makeLane(named: "spool")
    }

    func clear() {
        guard let folder, let files else { return }
        lane.submit(
            {
                guard files.isDirectory(folder) else { return }
                do throws(FileError) {
                    for name in try files.list(folder) { try files.remove("\(folder)/\(name)") }
                } catch {
                    // A file that stays takes room, and is overwritten or tried again at the next start.
                }
            }, then: { _ in })
    }

    func makeFile() -> any SpoolFile {
        made += 1
        guard let folder, let files else { return MemorySpoolFile() }
        return DiskSpoolFile(folder: folder, name: "\(made)", files: files)
    }
}

private final class DiskSpoolFile: SpoolFile {
    private let folder: String
    private let path: String
    private let files: any Files

    init(folder: String, name: String, files: any Files) {
        self.folder = folder
        path = "\(folder)/\(name)"
        self.files = files
    }

    func append(_ bytes: [UInt8]) throws(FileError) {
        do throws(FileError) {
            try files.append(bytes, to: path)
        } catch .notFound {
            try files.makeDirectory(folder)
            try files.append(bytes, to: path)
        }
    }

    func read(from offset: Int, limitBytes: Int) throws(FileError) -> [UInt8] {
        try files.read(path, from: offset, limitBytes: limitBytes)
    }

    func remove() {
        do throws(FileError) {
            try files.remove(path)
        } catch {
            // It was never written, or goes at the next start.
        }
    }
}

final class MemorySpoolFile: SpoolFile {
    private let bytes = Mutex<[UInt8]>([])

    func append(_ bytes: [UInt8]) throws(FileError) { self.bytes.withLock { $0 += bytes } }

    func read(from offset: Int, limitBytes: Int) throws(FileError) -> [UInt8] {
        bytes.withLock { Array($0.dropFirst(offset).prefix(limitBytes)) }
    }

    func remove() { bytes.withLock { $0 = [] } }

    var isEmpty: Bool { bytes.withLock { $0.isEmpty } }
}

/// A file of the spool as a body; it is removed when it was sent, or nobody wants it any more.
final class SpoolSource: ByteSource {
    private static let pieceBytes = 64 << 10
    private let file: any SpoolFile
    private let lane: any Lane
    private let ended: () -> Void
    private var offset = 0
    private var isOver = false

    /// `ended` is called once, when the file is no longer needed.
    init(_ file: any SpoolFile, lane: any Lane, ended: @escaping () -> Void = {}) {
        self.file = file
        self.lane = lane
        self.ended = ended
    }

    deinit { end() }

    func next(_ taken: @escaping (SourcePiece) -> Void) {
        let (file, offset) = (file, offset)
        lane.attempt(
            { () throws(FileError) in
                try file.read(from: offset, limitBytes: Self.pieceBytes)
            },
            then: { [weak self] result in
                guard let self, !self.isOver else { return }
                switch result {
                case .success(let bytes) where bytes.isEmpty:
                    self.end()
                    taken(.end)
                case .success(let bytes):
                    self.offset += bytes.count
                    taken(.bytes(bytes))
                case .failure(let error):
                    self.end()
                    taken(.failed("\(error)"))
                }
            })
    }

    func cancel() { end() }

    private func end() {
        guard !isOver else { return }
        isOver = true
        let file = file
        lane.submit({ file.remove() }, then: { _ in })
        ended()
    }
}
