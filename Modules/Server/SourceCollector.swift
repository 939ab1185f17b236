// SPDX-License-Identifier: Apache-2.0
import MartletTransport

/// Gathers what a source gives, up to a bound.
final class SourceCollector {
    private let source: any ByteSource
    private let bytesMax: Int
    private var gathered: [UInt8] = []
    private var isAsking = false
    private let done: (Result<[UInt8], CollectFailure>) -> Void

    enum CollectFailure: Error, Equatable {
        /// There is more; the source is cancelled.
        case tooLarge
        case failed(String)
    }

    /// `done` is called once, in this call or later, unless the source is cancelled by another.
    static func collect(
        _ source: any ByteSource, bytesMax: Int,
        done: @escaping (Result<[UInt8], CollectFailure>) -> Void
    ) {
        SourceCollector(source, bytesMax, done).ask()
    }

    private init(
        _ source: any ByteSource, _ bytesMax: Int,
        _ done: @escaping (Result<[UInt8], CollectFailure>) -> Void
    ) {
        self.source = source
        self.bytesMax = bytesMax
        self.done = done
    }

    /// As a loop, since a source may answer in the call that asks it.
    private func ask() {
        var hasMore = true
        while hasMore {
            hasMore = false
            isAsking = true
            source.next { [self] piece in
                let isInCall = isAsking
                switch piece {
                case .bytes(let bytes):
                    guard gathered.count + bytes.count <= bytesMax else {
                        source.cancel()
                        return done(.failure(.tooLarge))
                    }
                    gathered += bytes
                    if isInCall { hasMore = true } else { ask() }
                case .end: done(.success(gathered))
                case .failed(let reason): done(.failure(.failed(reason)))
                }
            }
            isAsking = false
        }
    }
}
