// SPDX-License-Identifier: Apache-2.0

/// Where an audit log's files stand: `audit.log` is written, `audit-000000000042.log` was, until
/// the line with that sequence number.
package struct AuditNames: Equatable, Sendable {
    package let folder: String
    package let name: String
    private let stem: Substring
    private let ending: Substring

    private static let digitsMin = 12

    /// - Parameter path: of the file that is written.
    package init(path: String) {
        let slash = path.lastIndex(of: "/")
        folder = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        name = slash.map { String(path[path.index(after: $0)...]) } ?? path
        let dot = name.lastIndex(of: ".") ?? name.endIndex
        stem = name[..<dot]
        ending = name[dot...]
    }

    package func path(of name: String) -> String {
        folder.hasSuffix("/") ? folder + name : "\(folder)/\(name)"
    }

    func rotatedName(lastSequence: UInt64) -> String {
        let digits = String(lastSequence)
        let zeros = String(repeating: "0", count: max(0, Self.digitsMin - digits.utf8.count))
        return "\(stem)-\(zeros)\(digits)\(ending)"
    }

    /// Of the names in the folder those of rotated files, the oldest first.
    package func rotated(among names: [String]) -> [String] {
        names.compactMap { name in lastSequence(inName: name).map { (name, $0) } }
            .sorted { $0.1 < $1.1 }.map(\.0)
    }

    /// The sequence number of the last line, which a rotated file is named for.
    package func lastSequence(inName name: String) -> UInt64? {
        guard name.hasPrefix("\(stem)-"), name.hasSuffix(ending),
            name.utf8.count >= stem.utf8.count + 1 + Self.digitsMin + ending.utf8.count
        else { return nil }
        let digits = name.dropFirst(stem.count + 1).dropLast(ending.count)
        guard digits.utf8.allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }) else {
            return nil
        }
        return UInt64(digits)
    }
}
