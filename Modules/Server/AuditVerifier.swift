// SPDX-License-Identifier: Apache-2.0
import MartletJSON
package import MartletTransport

/// Follows the chain of an audit log over its files, in their order.
///
/// It finds lines that were changed, removed, put in or moved, and a file that is missing between
/// two. What it cannot find: lines that are missing before the first file or after the last line.
/// For that, the end it names is compared with one noted elsewhere.
package struct AuditVerifier {
    package struct Finding: Equatable, Sendable, CustomStringConvertible {
        package let file: String
        /// From 1.
        package let line: Int
        package let text: String
        /// A torn line that the log itself tells of is worth a word, and no damage.
        package let isDamage: Bool

        package var description: String { "\(file):\(line): \(text)" }
    }

    package private(set) var findings: [Finding] = []
    package private(set) var linesChecked = 0
    /// The sequence number of the first whole line.
    package private(set) var first: UInt64?
    /// The last whole line so far.
    package private(set) var last: (sequence: UInt64, chain: String)?

    private let crypto: any Crypto
    private var chain: [UInt8] = []
    /// Lines that are none, since the last whole one of this file.
    private var torn: (line: Int, bytes: Int)?

    /// Findings that are kept: what follows is of no use to anybody.
    package static let findingsMax = 1000

    package init(crypto: any Crypto) { self.crypto = crypto }

    package var isIntact: Bool { !findings.contains(where: \.isDamage) }

    package mutating func check(_ bytes: [UInt8], of file: String) throws(CryptoError) {
        var start = 0
        var number = 0
        while start < bytes.count {
            let feed = bytes[start...].firstIndex(of: UInt8(ascii: "\n"))
            let end = feed ?? bytes.count
            number += 1
            try check(bytes[start..<end], number, isWhole: feed != nil, of: file)
            start = end + 1
        }
        guard let torn else { return }
        self.torn = nil
        add(file, torn.line, "\(torn.bytes) bytes at the end are no whole line", isDamage: false)
    }

    private mutating func check(
        _ bytes: ArraySlice<UInt8>, _ number: Int, isWhole: Bool, of file: String
    ) throws(CryptoError) {
        guard let line = AuditLine(bytes) else {
            let before = torn ?? (number, 0)
            torn = (before.line, before.bytes + bytes.count + (isWhole ? 1 : 0))
            return
        }
        linesChecked += 1
        settleTorn(before: line, of: file)
        if let last {
            try compare(line, number, after: last.sequence, of: file)
        } else {
            first = line.sequence
            try begin(with: line, number, of: file)
        }
        chain = line.chain
        last = (line.sequence, String(decoding: line.chain, as: UTF8.self))
    }

    private mutating func compare(
        _ line: AuditLine, _ number: Int, after sequence: UInt64, of file: String
    ) throws(CryptoError) {
        let follows = try line.follows(chain, crypto: crypto)
        let (expected, _) = sequence.addingReportingOverflow(1)
        if line.sequence == expected {
            guard !follows else { return }
            add(file, number, "line \(line.sequence) of the log was changed, or put in")
        } else if line.sequence > expected {
            add(
                file, number,
                "line \(line.sequence) of the log follows \(sequence): "
                    + "\(line.sequence - expected) are missing or moved")
        } else {
            add(file, number, "line \(line.sequence) of the log follows \(sequence): moved")
        }
    }

    /// The first line that is given: what it follows is what it says itself.
    private mutating func begin(
        with line: AuditLine, _ number: Int, of file: String
    ) throws(CryptoError) {
        let previous = Note(line).previousChain ?? (line.sequence == 1 ? AuditLine.genesis : nil)
        guard let previous else {
            return add(file, number, "line \(line.sequence) of the log is not the first of a file")
        }
        guard try line.follows(previous, crypto: crypto) else {
            return add(file, number, "line \(line.sequence) of the log was changed")
        }
    }

    private mutating func settleTorn(before line: AuditLine, of file: String) {
        guard let torn else { return }
        self.torn = nil
        let note = Note(line)
        // The line feed that ends a torn line came with the next write.
        let isTold = note.tornBytes == torn.bytes || note.tornBytes == torn.bytes - 1
        if isTold {
            add(file, torn.line, "\(torn.bytes) bytes were torn by a crash", isDamage: false)
        } else {
            add(file, torn.line, "no line of an audit log: damaged, or put in")
        }
    }

    private mutating func add(
        _ file: String, _ line: Int, _ text: String, isDamage: Bool = true
    ) {
        guard findings.count < Self.findingsMax else { return }
        findings.append(Finding(file: file, line: line, text: text, isDamage: isDamage))
    }

    /// What one of the log's own lines says.
    private struct Note {
        var previousChain: [UInt8]?
        var tornBytes: Int?

        init(_ line: AuditLine) {
            do {
                let root = try JSONReader.parse(line.content)
                guard let payload = root.member("payload"),
                    case .string("audit-log") = root.member("event_type")?.value
                else { return }
                if case .string(let text) = payload.member("previous_chain")?.value {
                    previousChain = Array(text.utf8)
                }
                if case .number(let number) = payload.member("torn_bytes")?.value {
                    tornBytes = number.int64.flatMap { Int(exactly: $0) }
                }
            } catch {
                return  // Whoever wrote that was not the log: it says nothing.
            }
        }
    }
}
