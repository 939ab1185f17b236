// SPDX-License-Identifier: Apache-2.0
package import MartletJSON
import MartletRaft

// A survey as a small file, which carries it to the machine where a recovery is decided.

extension FolderSurvey: JSONWritable {
    private static let format: UInt64 = 1
    /// Holds the largest configuration and the names of all its servers.
    package static let fileBytesMax = 1 << 20

    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("MartletSurvey", Self.format)
        writer.member("Folder", directory)
        writer.member("ID", "\(serverID)")
        if let clusterID { writer.member("Cluster", "\(clusterID)") }
        writer.member("Epoch", recoveryEpoch)
        writer.member("IsRecovering", isRecovering)
        writer.member("LastTerm", lastTerm.number)
        writer.member("LastIndex", lastIndex.number)
        writer.member("Committed", commitHint.number)
        writer.member("Configuration", Self.hexadecimal(configuration.encoded()))
        writer.key("Names")
        writer.beginObject()
        for (id, name) in names.sorted(by: { $0.key < $1.key }) { writer.member("\(id)", name) }
        writer.endObject()
        writer.endObject()
    }

    /// The text of the file.
    package var text: String {
        String(decoding: JSONWriter.encode(self, pretty: true), as: UTF8.self)
    }

    /// What is wrong with a file; the text does not name it.
    package struct Problem: Error, Equatable, Sendable {
        package let text: String
    }

    /// - Parameter file: as it was named.
    package init(reading bytes: [UInt8], file: String) throws(Problem) {
        let root: JSONNode
        do throws(JSONError) {
            root = try JSONReader.parse(
                bytes, limits: JSONLimits(depthMax: 4, bytesMax: Self.fileBytesMax))
        } catch {
            throw Problem(text: "no survey: \(error): was it copied whole?")
        }
        let reader = SurveyReader(root: root)
        guard case .number(let format)? = root.member("MartletSurvey")?.value else {
            throw Problem(text: "no survey: 'recover -survey -data-dir DIR' prints one")
        }
        guard format.uint64 == Self.format else {
            throw Problem(text: "a survey of form \(format.text): only \(Self.format) is known")
        }
        directory = try reader.text("Folder")
        self.file = file
        serverID = try reader.id("ID")
        clusterID = root.member("Cluster") == nil ? nil : try reader.id("Cluster")
        recoveryEpoch = try reader.number("Epoch")
        guard case .bool(let recovering)? = root.member("IsRecovering")?.value else {
            throw SurveyReader.wrong("IsRecovering")
        }
        isRecovering = recovering
        lastTerm = Term(try reader.number("LastTerm"))
        lastIndex = LogIndex(try reader.number("LastIndex"))
        commitHint = LogIndex(try reader.number("Committed"))
        configuration = try reader.configuration("Configuration")
        names = try reader.names("Names")
    }

    private static func hexadecimal(_ bytes: [UInt8]) -> String {
        bytes.map { String(UInt16($0) + 256, radix: 16).dropFirst() }.joined()
    }
}

/// The members of a survey's file, each checked.
private struct SurveyReader {
    let root: JSONNode
    private static let textBytesMax = 4096
    /// Two digits for each byte of the largest.
    private static let configurationBytesMax =
        2 * (2 + Configuration.serversMax * (18 + Configuration.addressBytesMax))

    init(root: JSONNode) { self.root = root }

    static func wrong(_ name: String) -> FolderSurvey.Problem {
        .init(text: "no survey: \(name) is missing or not what it should be: was it changed?")
    }

    func text(
        _ name: String, bytesMax: Int = textBytesMax
    ) throws(FolderSurvey.Problem) -> String {
        guard case .string(let text)? = root.member(name)?.value, text.utf8.count <= bytesMax,
            Self.isLine(text)
        else {
            throw Self.wrong(name)
        }
        return text
    }

    func number(_ name: String) throws(FolderSurvey.Problem) -> UInt64 {
        // Indexes and terms are added to: none comes near the end of the numbers.
        guard case .number(let number)? = root.member(name)?.value, let value = number.uint64,
            value <= LogIndex.max.number
        else { throw Self.wrong(name) }
        return value
    }

    func id(_ name: String) throws(FolderSurvey.Problem) -> ServerID {
        guard let id = ServerID(try text(name)) else { throw Self.wrong(name) }
        return id
    }

    func configuration(_ name: String) throws(FolderSurvey.Problem) -> Configuration {
        guard let bytes = Self.bytes(try text(name, bytesMax: Self.configurationBytesMax)),
            let configuration = Configuration(encoded: bytes),
            configuration.members.allSatisfy({ Self.isLine($0.address) })
        else { throw Self.wrong(name) }
        return configuration
    }

    func names(_ name: String) throws(FolderSurvey.Problem) -> [ServerID: String] {
        guard case .object(let members)? = root.member(name)?.value,
            members.count <= Configuration.serversMax
        else { throw Self.wrong(name) }
        var names: [ServerID: String] = [:]
        for member in members {
            guard let id = ServerID(member.name), case .string(let text) = member.node.value,
                text.utf8.count <= Self.textBytesMax, Self.isLine(text)
            else { throw Self.wrong(name) }
            names[id] = text
        }
        return names
    }

    /// Fit for a terminal: a file must not be able to steer it.
    private static func isLine(_ text: String) -> Bool {
        text.unicodeScalars.allSatisfy {
            $0.value >= 0x20 && !(0x7f...0x9f).contains($0.value)
                && !(0x202a...0x202e).contains($0.value) && !(0x2066...0x2069).contains($0.value)
        }
    }

    private static func bytes(_ digits: String) -> [UInt8]? {
        let digits = Array(digits.utf8)
        guard digits.count.isMultiple(of: 2) else { return nil }
        var bytes: [UInt8] = []
        for position in stride(from: 0, to: digits.count, by: 2) {
            guard let high = value(digits[position]), let low = value(digits[position + 1]) else {
                return nil
            }
            bytes.append(high << 4 | low)
        }
        return bytes
    }

    private static func value(_ digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
        default: nil
        }
    }
}
