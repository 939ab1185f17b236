// SPDX-License-Identifier: Apache-2.0
import Glibc
import MartletContracts
import MartletTransport
import MartletUV

/// A loop that the test's own thread turns, and that ends with the test.
final class TestLoop {
    let loop = UVLoop()
    private(set) lazy var streams = UVStreams(loop: loop)
    private(set) lazy var datagrams = UVDatagrams(loop: loop)

    deinit { loop.shutDown() }

    /// Turns until the condition holds, for at most so long that only a failure reaches it.
    func turn(until condition: () -> Bool) -> Bool {
        let limit = loop.now + .seconds(20)
        while !condition() {
            if loop.now > limit { return false }
            loop.turn(waitingAtMost: .milliseconds(20))
        }
        return true
    }

    func world(on address: SocketAddress, silent: SocketAddress? = nil) -> TransportContract.World {
        .init(
            loop: loop, streams: streams, datagrams: datagrams, listening: address,
            silent: silent, turnUntil: { self.turn(until: $0) })
    }
}

/// A folder of its own for each test, removed with it.
final class TestFolder {
    let path: String

    init() {
        var template = Array("/tmp/martlet-uv-XXXXXX".utf8CString)
        let made = unsafe mkdtemp(&template)
        precondition(unsafe made != nil, "no temporary folder")
        path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    deinit { Self.remove(path) }

    private static func remove(_ path: String) {
        let files = UVFiles()
        do throws(FileError) {
            if files.isDirectory(path) {
                for name in try files.list(path) { remove("\(path)/\(name)") }
            }
            try files.remove(path)
        } catch {
            // The system clears its temporary folder; a test need not fail for it.
            return
        }
    }
}
