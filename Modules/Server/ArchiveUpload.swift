// SPDX-License-Identifier: Apache-2.0
import MartletTransport

/// Puts a body into a file of the spool. Whoever sends it is read as fast as the disk writes.
final class ArchiveUpload {
    enum Failure: Error {
        case tooLarge
        /// It did not come to its end.
        case broken(String)
        /// The own disk does not take it.
        case notStored(FileError)
    }

    private static let writeBytes = 256 << 10

    private let source: any ByteSource
    private let file: any SpoolFile
    private let lane: any Lane
    private let bytesMax: Int
    private let done: (Result<Void, Failure>) -> Void
    /// What is not in the file.
    private var held: [UInt8] = []
    private var bytes = 0

    /// `done` is called once; after a failure there is no file.
    static func receive(
        _ source: any ByteSource, bytesMax: Int, into file: any SpoolFile, lane: any Lane,
        done: @escaping (Result<Void, Failure>) -> Void
    ) {
        ArchiveUpload(source, bytesMax, file, lane, done).ask()
    }

    private init(
        _ source: any ByteSource, _ bytesMax: Int, _ file: any SpoolFile, _ lane: any Lane,
        _ done: @escaping (Result<Void, Failure>) -> Void
    ) {
        self.source = source
        self.bytesMax = bytesMax
        self.file = file
        self.lane = lane
        self.done = done
    }

    /// As a loop, since a source may answer in the call that asks it.
    private func ask() {
        var hasMore = true
        while hasMore {
            hasMore = false
            var isInCall = true
            source.next { [self] piece in
                switch piece {
                case .bytes(let more):
                    guard more.count <= bytesMax - bytes else {
                        source.cancel()
                        return fail(.tooLarge)
                    }
                    held += more
                    bytes += more.count
                    if held.count >= Self.writeBytes { return write(isLast: false) }
                    if isInCall { hasMore = true } else { ask() }
                case .end: write(isLast: true)
                case .failed(let reason): fail(.broken(reason))
                }
            }
            isInCall = false
        }
    }

    private func write(isLast: Bool) {
        let (file, bytes) = (file, held)
        held = []
        lane.attempt({ () throws(FileError) in try file.append(bytes) }) { [self] result in
            switch result {
            case .success: if isLast { done(.success(())) } else { ask() }
            case .failure(let error):
                source.cancel()
                fail(.notStored(error))
            }
        }
    }

    private func fail(_ failure: Failure) {
        let file = file
        lane.submit({ file.remove() }, then: { _ in })
        done(.failure(failure))
    }
}
