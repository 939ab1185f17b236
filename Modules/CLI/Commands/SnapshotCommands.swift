// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletClient
import MartletTransport

/// `operator snapshot …`: the state as an archive in a file, and back.
enum SnapshotCommands {
    static let all = [
        Command(
            "operator snapshot save", "saves the state of the cluster in a file",
            detail: "Saves the state of the cluster in a new file: complete and checked, or not at "
                + "all. Without FILE its name has the time.",
            operands: Operands(["FILE"], 0...1), flags: [Commands.stale],
            answerBytesMax: archiveBytesMax, run: save),
        Command(
            "operator snapshot inspect", "checks a saved state and shows what it is",
            operands: .exactly("FILE"), flags: Reading.flags, asksServer: false, run: inspect),
        Command(
            "operator snapshot restore", "makes a saved state the state of the cluster",
            detail: "Makes a saved state the state of the cluster that runs. The file is checked "
                + "first, here and by the server; a damaged one changes nothing.",
            operands: .exactly("FILE"), run: restore),
    ]

    private static let path = "/v1/operator/snapshot"
    private static let timeout: Duration = .seconds(600)

    // MARK: save

    private static let save: Command.Run = { (invocation) throws(CLIFailure) in
        let failing = "Failed to get snapshot file"
        let file = invocation.values.operands.first ?? freshName(invocation.environment)
        try invocation.checkAbsence(of: file)
        let response = try invocation.success(
            .get, path, query: invocation.values.isOn("stale") ? [("stale", "")] : [],
            timeout: timeout, failing: failing)
        try checkDigest(of: response, invocation.environment, failing: failing)
        _ = try verified(response.body, invocation.environment, failing: failing)
        try invocation.save(response.body, as: file, failing: "Error writing the state file")
        invocation.line("State file written to \(Text.line(file))")
        return .fine
    }

    private static func freshName(_ environment: CLIEnvironment) -> String {
        let time = Timestamp.rfc3339(unixNanoseconds: environment.wallClockNanoseconds())
        return "martlet-state-\(time.filter { $0 != ":" && $0 != "-" }).snap"
    }

    /// RFC 3230: `sha-256=` and the sum in base64.
    private static func checkDigest(
        of response: ClientResponse, _ environment: CLIEnvironment, failing: String
    ) throws(CLIFailure) {
        guard let digest = response.header("Digest") else {
            throw CLIFailure("\(failing): the answer has no Digest to check it by", .refused)
        }
        let sum = try sha256(response.body, environment)
        guard digest == "sha-256=\(Base64.encoded(sum))" else {
            throw CLIFailure(
                "\(failing): it was damaged on the way: its sum is not that of the Digest; try again",
                .refused)
        }
    }

    private static func sha256(
        _ bytes: [UInt8], _ environment: CLIEnvironment
    ) throws(CLIFailure) -> [UInt8] {
        do throws(CryptoError) {
            return try environment.crypto.sha256(bytes)
        } catch {
            throw CLIFailure("\(error)", .unable)
        }
    }

    // MARK: The archive

    private static let archiveBytesMax = 1 << 30
    private static let tarBytesMax = 4 << 30

    /// The description in an archive whose sums are right.
    private static func verified(
        _ bytes: [UInt8], _ environment: CLIEnvironment, failing: String
    ) throws(CLIFailure) -> Answer {
        func wrong(_ why: String) -> CLIFailure { CLIFailure("\(failing): \(why)", .refused) }
        let tar: [UInt8]
        do throws(CompressionError) {
            tar = try environment.compression.gunzip(bytes, limitBytes: tarBytesMax)
        } catch {
            throw wrong("failed to decompress snapshot: \(text(error))")
        }
        let files: [Tar.File]
        do throws(ArchiveError) {
            files = try Tar.read(tar, filesMax: 8)
        } catch {
            throw wrong("\(error)")
        }
        guard let sums = files.first(where: { $0.name == "SHA256SUMS" }),
            let meta = files.first(where: { $0.name == "meta.json" })
        else { throw wrong("it has no meta.json or no SHA256SUMS: it is no saved state") }
        var expected: [String] = []
        for file in files where file.name != "SHA256SUMS" {
            let sum = try sha256(file.content, environment)
            expected.append("\(Hexadecimal.text(sum))  \(file.name)")
        }
        let found = String(decoding: sums.content, as: UTF8.self).split(separator: "\n")
        guard found.map(String.init).sorted() == expected.sorted() else {
            throw wrong("its sums are not those of its content: it is damaged")
        }
        return try Answer(bytes: meta.content, failing: failing)
    }

    private static func text(_ error: CompressionError) -> String {
        switch error {
        case .malformed(let why): why
        case .tooLarge(let limit): "it unpacks to more than \(limit) bytes"
        case .failed(let why): why
        }
    }

    private static let inspect: Command.Run = { (invocation) throws(CLIFailure) in
        let bytes = try invocation.content(
            of: invocation.values.operands[0], limitBytes: archiveBytesMax)
        let meta = try verified(
            bytes, invocation.environment, failing: "Error verifying snapshot")
        try invocation.show(meta) {
            let rows = ["ID", "Size", "Index", "Term", "Version"].map { ($0, meta.text($0)) }
            return rows.map { name, value in
                name + String(repeating: " ", count: 9 - name.count) + value + "\n"
            }.joined()
        }
        return .fine
    }

    // MARK: restore

    private static let restore: Command.Run = { (invocation) throws(CLIFailure) in
        let failing = "Error restoring snapshot"
        let bytes = try invocation.content(
            of: invocation.values.operands[0], limitBytes: archiveBytesMax)
        _ = try verified(bytes, invocation.environment, failing: failing)
        _ = try invocation.success(.put, path, body: bytes, timeout: timeout, failing: failing)
        invocation.line("Snapshot Restored")
        return .fine
    }
}

enum Hexadecimal {
    static func text(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".utf8)
        let text = bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
        return String(decoding: text, as: UTF8.self)
    }
}
