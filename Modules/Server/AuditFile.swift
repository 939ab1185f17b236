// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletJSON
import MartletTransport

/// The end of an audit log on a disk, and how it goes on: a value that is with the lane while it
/// writes, and with the loop otherwise.
///
/// Each file begins with a line of the log's own, which names the file before and its last chain; so
/// does each life of a server, and after a crash that line says how much of a torn line stands
/// before it.
struct AuditFile: Sendable {
    /// The last line, and the file it stands in.
    private struct Place {
        var sequence: UInt64 = 0
        var chain = AuditLine.genesis
        var sizeBytes = 0
        var openedAt: Int64
    }

    private let options: AuditOptions
    private let names: AuditNames
    private let node: String
    private let files: any Files
    private let crypto: any Crypto
    /// nil before the first write, and after one that failed: what is there has to be looked at.
    private var place: Place?

    /// What a crash can have torn is what one write held: ``AuditLog/waitingBytesMax`` and a line.
    private static let endBytes = 2 * AuditLog.waitingBytesMax

    init(_ options: AuditOptions, node: String, files: any Files, crypto: any Crypto) {
        self.options = options
        self.node = node
        self.files = files
        self.crypto = crypto
        names = AuditNames(path: options.path)
    }

    /// Blocks until the lines are in the file, durable if they must be.
    ///
    /// - Parameters:
    ///   - objects: JSON objects without their closing braces.
    ///   - now: the wall clock, in nanoseconds since 1970.
    mutating func write(_ objects: [[UInt8]], at now: Int64) throws(FileError) {
        var output: [UInt8] = []
        var place: Place
        if let known = self.place {
            place = known
            // Until this write has succeeded, nobody knows what the file holds.
            self.place = nil
            if isDue(place, at: now) { try rotate(&place, &output, at: now) }
        } else {
            place = try open(&output, at: now)
        }
        for object in objects { try append(object, to: &output, &place) }
        switch options.guarantee {
        case .enforced: try files.appendDurably(output, to: options.path)
        case .bestEffort: try files.append(output, to: options.path)
        }
        place.sizeBytes += output.count
        self.place = place
    }

    private func append(
        _ object: [UInt8], to output: inout [UInt8], _ place: inout Place
    ) throws(FileError) {
        do throws(CryptoError) {
            let line = try AuditLine(object, after: place.sequence, place.chain, crypto: crypto)
            output += line.bytes
            place.sequence = line.sequence
            place.chain = line.chain
        } catch {
            throw .failed(path: options.path, reason: "no digest: \(error)")
        }
    }

    // MARK: Opening

    private func open(_ output: inout [UInt8], at now: Int64) throws(FileError) -> Place {
        try files.makeDirectory(names.folder)
        let previous = names.rotated(among: try files.list(names.folder)).last
        var place = Place(openedAt: now)
        if let previous {
            guard let line = try lastLine(of: names.path(of: previous)).line else {
                throw .failed(
                    path: names.path(of: previous), reason: "no audit log ends with this file")
            }
            (place.sequence, place.chain) = (line.sequence, line.chain)
        }
        guard files.exists(options.path) else {
            try note("begun", after: previous, of: place, tornBytes: 0, &output, &place, now)
            return place
        }
        let last = try lastLine(of: options.path)
        place.sizeBytes = last.sizeBytes
        if let line = last.line { (place.sequence, place.chain) = (line.sequence, line.chain) }
        if last.needsLineFeed { output.append(UInt8(ascii: "\n")) }
        try note(
            last.line == nil ? "begun" : "resumed", after: last.line == nil ? previous : nil,
            of: place, tornBytes: last.tornBytes, &output, &place, now)
        return place
    }

    private struct LastLine {
        var line: AuditLine?
        var tornBytes = 0
        var needsLineFeed = false
        var sizeBytes: Int
    }

    /// The last whole line of a file, and what stands behind it.
    private func lastLine(of path: String) throws(FileError) -> LastLine {
        let end = try files.readEnd(path, limitBytes: Self.endBytes)
        var last = LastLine(sizeBytes: end.sizeBytes)
        last.needsLineFeed = end.bytes.last.map { $0 != UInt8(ascii: "\n") } ?? false
        var stop = end.bytes.count
        while true {
            let feed = end.bytes[..<stop].lastIndex(of: UInt8(ascii: "\n"))
            let start = feed.map { $0 + 1 } ?? 0
            let isWhole = feed != nil || end.bytes.count == end.sizeBytes
            if isWhole, let line = AuditLine(end.bytes[start..<stop]) {
                last.line = line
                last.tornBytes = max(0, end.bytes.count - stop - 1)
                return last
            }
            guard let feed else { break }
            stop = feed
        }
        // A crash in the first write of all leaves some of it, or zeros.
        guard end.sizeBytes <= Self.endBytes,
            [nil, 0, UInt8(ascii: "{")].contains(end.bytes.first)
        else { throw .failed(path: path, reason: "this file is no audit log") }
        last.tornBytes = end.bytes.count
        return last
    }

    // MARK: Rotation

    private func isDue(_ place: Place, at now: Int64) -> Bool {
        let bound =
            options.rotateBytes > 0
            ? min(options.rotateBytes, AuditOptions.rotateBytesMax) : AuditOptions.rotateBytesMax
        if place.sizeBytes >= bound { return true }
        let age = Duration.nanoseconds(max(0, now &- place.openedAt))
        return options.rotateDuration > .zero && age >= options.rotateDuration
    }

    private func rotate(
        _ place: inout Place, _ output: inout [UInt8], at now: Int64
    ) throws(FileError) {
        let name = names.rotatedName(lastSequence: place.sequence)
        try files.rename(options.path, to: names.path(of: name))
        if options.rotatedFilesMax > 0 {
            let rotated = names.rotated(among: try files.list(names.folder))
            for name in rotated.dropLast(options.rotatedFilesMax) {
                try files.remove(names.path(of: name))
            }
        }
        place.sizeBytes = 0
        place.openedAt = now
        try note("rotated", after: name, of: place, tornBytes: 0, &output, &place, now)
    }

    // MARK: The log's own lines

    private func note(
        _ event: String, after previous: String?, of before: Place, tornBytes: Int,
        _ output: inout [UInt8], _ place: inout Place, _ now: Int64
    ) throws(FileError) {
        var writer = JSONWriter()
        writer.beginObject()
        writer.member("created_at", Timestamp.rfc3339Nano(unixNanoseconds: now))
        writer.member("event_type", "audit-log")
        writer.key("payload")
        writer.beginObject()
        writer.member("event", event)
        writer.member("node", node)
        if let previous { writer.member("previous_file", previous) }
        writer.member("previous_chain", String(decoding: before.chain, as: UTF8.self))
        if tornBytes > 0 { writer.member("torn_bytes", UInt64(tornBytes)) }
        writer.endObject()
        writer.endObject()
        try append(Array(writer.bytes.dropLast()), to: &output, &place)
    }
}
