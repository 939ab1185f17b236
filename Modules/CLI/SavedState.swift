// SPDX-License-Identifier: Apache-2.0
import MartletClient
import MartletTransport

// A saved state on its way from a server into a file, and back.

extension Invocation {
    static let archivePath = "/v1/operator/snapshot"
    /// Between two pieces.
    private static let pieceSilenceMax: Duration = .seconds(60)
    private static let pieceBytes = 64 << 10

    /// Saves the state of the cluster in a new file: complete, checked and durable, or not at all.
    ///
    /// - Parameter isWanted: asked between two pieces; false gives it up.
    /// - Returns: the bytes of the archive.
    func saveState(
        as file: String, isStale: Bool, failing: String, isWanted: () -> Bool = { true }
    ) throws(CLIFailure) -> Int {
        try checkAbsence(of: file)
        // One fixed name: what a crash leaves behind is overwritten by the next attempt.
        let temporary = file + ".tmp"
        if environment.files.exists(temporary) { try drop(temporary, failing) }
        do throws(CLIFailure) {
            let bytes = try fetchState(to: temporary, isStale: isStale, failing, isWanted)
            try checkAbsence(of: file)
            try onDisk(failing) { (files) throws(FileError) in
                try files.appendDurably([], to: temporary)
                try files.rename(temporary, to: file)
            }
            return bytes
        } catch {
            if environment.files.exists(temporary) { try drop(temporary, error.text) }
            throw error
        }
    }

    private func fetchState(
        to file: String, isStale: Bool, _ failing: String, _ isWanted: () -> Bool
    ) throws(CLIFailure) -> Int {
        let answer = try openState(isStale: isStale, failing)
        defer { answer.close() }
        guard let digest = answer.head.header("Digest") else {
            throw CLIFailure("\(failing): the answer has no Digest to check it by", .refused)
        }
        let check = try ArchiveCheck(environment)
        let progress = Progress("Saving", of: answer.length, environment)
        defer { progress.end() }
        try onDisk(failing) { (files) throws(FileError) in try files.append([], to: file) }
        receiving: while true {
            guard isWanted() else { throw CLIFailure("\(failing): interrupted", .unable) }
            switch answer.next(within: Self.pieceSilenceMax) {
            case .bytes(let bytes):
                try check.receive(bytes)
                try onDisk(failing) { (files) throws(FileError) in
                    try files.append(bytes, to: file)
                }
                progress.add(bytes.count)
            case .end: break receiving
            case .failed(let reason):
                throw CLIFailure(
                    "\(failing): the connection ended before the whole had come: "
                        + "\(Text.line(reason))", .unable)
            }
        }
        guard digest == "sha-256=\(try check.sum())" else {
            throw CLIFailure(
                "\(failing): it was damaged on the way: its sum is not that of the Digest; try again",
                .refused)
        }
        _ = try check.finish(failing: failing)
        return progress.bytes
    }

    private func openState(isStale: Bool, _ failing: String) throws(CLIFailure) -> OpenAnswer {
        let progress = Progress("Saving", of: nil, environment)
        progress.wait("Waiting for the server to pack its state")
        defer { progress.end() }
        return try openAnswer(
            .get, query: isStale ? [("stale", "")] : [], body: nil, failing: failing)
    }

    /// Sends a saved state to the cluster.
    func restoreState(_ state: CheckedState, failing: String) throws(CLIFailure) {
        let progress = Progress("Sending", of: state.sizeBytes, environment)
        defer { progress.end() }
        let source = StateSource(state.read) { count in
            if count > 0 {
                progress.add(count)
            } else {
                progress.wait("Sent: the cluster takes it in")
            }
        }
        try openAnswer(
            .put, query: [], body: ClientUpload(source, length: state.sizeBytes),
            failing: failing
        ).close()
    }

    private func openAnswer(
        _ method: ClientMethod, query: [(String, String)], body: ClientUpload?, failing: String
    ) throws(CLIFailure) -> OpenAnswer {
        let settings = try settings()
        let target = Target.text(
            Self.archivePath, query, region: settings.region, namespace: settings.namespace)
        let silenceMax = settings.timeout ?? Self.longTimeout
        switch try connection(settings).open(method, target, body: body, silenceMax: silenceMax) {
        case .success(let answer):
            guard answer.head.status != 200 else { return answer }
            let text = answer.text(bytesMax: 4 << 10, within: Self.pieceSilenceMax)
            throw refusal(
                ClientResponse(
                    status: answer.head.status, headers: answer.head.headers, body: text),
                failing: failing)
        case .failure(let failure):
            let isSure = method == .get || !failure.isUncertain
            let hint = isSure ? failure.hint : "it may have been carried out: look, then try again"
            throw CLIFailure(
                "\(failing): \(failure.text)" + (hint.isEmpty ? "" : ": \(hint)"),
                failure.exitCode)
        }
    }

    /// Checks a saved state in a file; `-` is the standard input, of which there must not be much.
    func checkState(in path: String, failing: String) throws(CLIFailure) -> CheckedState {
        let read: (Int) throws(FileError) -> [UInt8]
        if path == "-" {
            let bytes = try content(of: path, limitBytes: 1 << 30)
            read = { offset in Array(bytes.dropFirst(offset).prefix(Self.pieceBytes)) }
        } else {
            let files = environment.files
            read = { (offset) throws(FileError) in
                try files.read(path, from: offset, limitBytes: Self.pieceBytes)
            }
        }
        let check = try ArchiveCheck(environment)
        var size = 0
        while true {
            let bytes: [UInt8]
            do throws(FileError) {
                bytes = try read(size)
            } catch {
                throw CLIFailure("\(error)", .unable)
            }
            guard !bytes.isEmpty else { break }
            try check.receive(bytes)
            size += bytes.count
        }
        return CheckedState(
            meta: try check.finish(failing: failing), sizeBytes: size, read: read)
    }

    private func onDisk(
        _ failing: String, _ work: (any Files) throws(FileError) -> Void
    ) throws(CLIFailure) {
        do throws(FileError) {
            try work(environment.files)
        } catch {
            throw CLIFailure("\(failing): \(error)", .unable)
        }
    }

    private func drop(_ temporary: String, _ failing: String) throws(CLIFailure) {
        try onDisk(failing) { (files) throws(FileError) in try files.remove(temporary) }
    }
}

/// A saved state that is whole.
struct CheckedState {
    /// Its description.
    let meta: Answer
    let sizeBytes: Int
    /// The bytes from an offset on; none behind its end.
    let read: (Int) throws(FileError) -> [UInt8]
}

/// It as the body of a request.
private final class StateSource: ByteSource {
    private let read: (Int) throws(FileError) -> [UInt8]
    /// How many bytes were given last; 0 at the end.
    private let gave: (Int) -> Void
    private var offset = 0

    init(
        _ read: @escaping (Int) throws(FileError) -> [UInt8], gave: @escaping (Int) -> Void
    ) {
        self.read = read
        self.gave = gave
    }

    func next(_ taken: @escaping (SourcePiece) -> Void) {
        do throws(FileError) {
            let bytes = try read(offset)
            offset += bytes.count
            gave(bytes.count)
            taken(bytes.isEmpty ? .end : .bytes(bytes))
        } catch {
            taken(.failed("\(error)"))
        }
    }

    func cancel() {}
}
