// SPDX-License-Identifier: Apache-2.0

/// Plain files in the ustar format (POSIX.1-1988), as much of it as a snapshot archive has. Each
/// file is a header of one block of 512 bytes and its content, filled up with zeros to whole blocks;
/// two blocks of zeros end the archive. ``TarReader`` reads it piece by piece.
///
/// | offset | width | meaning of the header's fields, numbers as octal digits                   |
/// |--------|-------|---------------------------------------------------------------------------|
/// | 0      | 100   | name, filled up with zeros                                                |
/// | 100    | 24    | mode, owner and group, 8 each                                             |
/// | 124    | 12    | size of the content                                                       |
/// | 136    | 12    | time of the last change, seconds since 1970                               |
/// | 148    | 8     | sum of the header's bytes, with spaces in place of this field             |
/// | 156    | 1     | type: `0` or a zero for a plain file; nothing else is taken               |
/// | 257    | 8     | `ustar`, a zero, `00`; GNU's two spaces and a zero are taken as well      |
package enum Tar {
    package struct File: Equatable, Sendable {
        package var name: String
        package var content: [UInt8]

        package init(name: String, content: [UInt8]) {
            self.name = name
            self.content = content
        }
    }

    package static let blockBytes = 512
    private static let nameBytesMax = 100

    /// Two blocks of zeros.
    package static let end = [UInt8](repeating: 0, count: 2 * blockBytes)

    /// - Precondition: names of 1 to 100 bytes, contents under 8 GiB.
    package static func write(_ files: [File], unixSeconds: Int64) -> [UInt8] {
        var output: [UInt8] = []
        for file in files {
            output += header(
                of: file.name, sizeBytes: file.content.count, unixSeconds: unixSeconds)
            output += file.content
            output += padding(after: file.content.count)
        }
        return output + end
    }

    /// Reads bytes of any origin, at most `filesMax` files.
    ///
    /// - Throws: ``ArchiveError`` for what ``write(_:unixSeconds:)`` would not have written: other
    ///   types of files, broken numbers, wrong sums, a missing end, anything behind the end.
    package static func read(_ bytes: [UInt8], filesMax: Int) throws(ArchiveError) -> [File] {
        var reader = TarReader(filesMax: filesMax)
        var files: [File] = []
        for event in try reader.receive(bytes[...]) {
            switch event {
            case .file(let name, _): files.append(File(name: name, content: []))
            case .content(let bytes): files[files.count - 1].content += bytes
            case .fileEnd: break
            }
        }
        try reader.finish()
        return files
    }

    /// What fills the last block of a content of so many bytes.
    package static func padding(after count: Int) -> [UInt8] {
        [UInt8](repeating: 0, count: paddingBytes(after: count))
    }

    static func paddingBytes(after count: Int) -> Int {
        (blockBytes - count % blockBytes) % blockBytes
    }

    // MARK: The header

    /// - Precondition: a name of 1 to 100 bytes, a size under 8 GiB.
    package static func header(
        of name: String, sizeBytes: Int, unixSeconds: Int64
    ) -> [UInt8] {
        let name = Array(name.utf8)
        precondition((1...nameBytesMax).contains(name.count), "a name of \(name.count) bytes")
        var block = [UInt8](repeating: 0, count: blockBytes)
        block.replaceSubrange(0..<name.count, with: name)
        put(octal: 0o600, in: 100..<108, of: &block)
        put(octal: 0, in: 108..<116, of: &block)
        put(octal: 0, in: 116..<124, of: &block)
        put(octal: UInt64(sizeBytes), in: 124..<136, of: &block)
        put(octal: UInt64(max(0, unixSeconds)), in: 136..<148, of: &block)
        block[156] = UInt8(ascii: "0")
        block.replaceSubrange(257..<265, with: Array("ustar\u{0}00".utf8))
        put(octal: sum(of: block[...]), in: 148..<155, of: &block)
        block[155] = UInt8(ascii: " ")
        return block
    }

    /// Digits with leading zeros, and a zero byte at the end.
    private static func put(octal value: UInt64, in range: Range<Int>, of block: inout [UInt8]) {
        var rest = value
        for position in range.dropLast().reversed() {
            block[position] = UInt8(ascii: "0") + UInt8(rest & 7)
            rest >>= 3
        }
        precondition(rest == 0, "\(value) does not fit \(range.count) octal digits")
    }

    private static func sum(of header: ArraySlice<UInt8>) -> UInt64 {
        var sum: UInt64 = 0
        for (position, byte) in header.enumerated() {
            sum += (148..<156).contains(position) ? 0x20 : UInt64(byte)
        }
        return sum
    }

    /// Name and size in a header of any origin.
    static func read(
        header block: [UInt8]
    ) throws(ArchiveError) -> (name: String, size: Int) {
        let header = block
        guard
            header[257..<265].elementsEqual("ustar\u{0}00".utf8)
                || header[257..<265].elementsEqual("ustar  \u{0}".utf8)
        else { throw ArchiveError("not an archive of the ustar format") }
        guard try octal(header[148..<156]) == sum(of: block[...]) else {
            throw ArchiveError("damaged: a file's header has a wrong sum")
        }
        guard header[156] == 0 || header[156] == UInt8(ascii: "0") else {
            throw ArchiveError("something else than a plain file")
        }
        let nameBytes = header[..<nameBytesMax].prefix { $0 != 0 }
        guard let name = String(validating: nameBytes, as: UTF8.self), !name.isEmpty else {
            throw ArchiveError("a file without a proper name")
        }
        guard let size = Int(exactly: try octal(header[124..<136])) else {
            throw ArchiveError("a size out of range")
        }
        return (name, size)
    }

    /// At least one digit, spaces before it, zero bytes and spaces behind it. Twelve digits at most:
    /// nothing can overflow.
    private static func octal(_ field: ArraySlice<UInt8>) throws(ArchiveError) -> UInt64 {
        let digits = field.drop { $0 == UInt8(ascii: " ") }.prefix { (0x30...0x37).contains($0) }
        let rest = field[digits.endIndex...]
        guard !digits.isEmpty, rest.allSatisfy({ $0 == 0 || $0 == UInt8(ascii: " ") }) else {
            throw ArchiveError("damaged: a number in a file's header is not octal")
        }
        return digits.reduce(0) { $0 << 3 | UInt64($1 & 7) }
    }
}

/// Why bytes are no snapshot archive, for people.
package struct ArchiveError: Error, Equatable, Sendable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}
