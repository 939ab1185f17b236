// SPDX-License-Identifier: Apache-2.0
import MartletBytes
import Testing

@Suite("CRC-32C") struct CRC32CTests {
    static let known: [(bytes: [UInt8], checksum: UInt32)] = [
        (Array("123456789".utf8), 0xE306_9283),
        ([UInt8](repeating: 0, count: 32), 0x8A91_36AA),
        ([UInt8](repeating: 0xFF, count: 32), 0x62A8_AB43),
        ([UInt8](0..<32), 0x46DD_794E),
        ([], 0),
    ]

    @Test("The check value and those of RFC 3720 come out", arguments: known)
    func knownValues(bytes: [UInt8], expected: UInt32) {
        #expect(CRC32C.checksum(bytes) == expected)
    }

    @Test("Cut anywhere, the parts give the checksum of the whole")
    func increments() {
        let bytes = (0..<67).map { UInt8($0 &* 37 & 0xFF) }
        let whole = CRC32C.checksum(bytes)

        for cut in 0...bytes.count {
            let head = CRC32C.checksum(Array(bytes[..<cut]))
            #expect(CRC32C.update(head, with: Array(bytes[cut...])) == whole)
        }
    }
}

@Suite("Byte codec") struct ByteCodecTests {
    static let message: [UInt8] = {
        var writer = ByteWriter()
        writer.write(UInt8(1))
        writer.write(UInt16(0x0203))
        writer.write(UInt32(0x0405_0607))
        writer.write(UInt64.max)
        writer.write(Int64(-2))
        writer.write(true)
        writer.write(bytes: [9, 8])
        writer.write(string: "čas")
        writer.write(shortString: "é")
        writer.write(raw: [7])
        return writer.bytes
    }()

    @Test("Integers are little-endian")
    func layout() {
        #expect(Self.message.prefix(7) == [1, 3, 2, 7, 6, 5, 4])
    }

    @Test("What was written is read")
    func roundTrip() throws {
        var reader = ByteReader(Self.message)

        #expect(try reader.readUInt8() == 1)
        #expect(try reader.readUInt16() == 0x0203)
        #expect(try reader.readUInt32() == 0x0405_0607)
        #expect(try reader.readUInt64() == .max)
        #expect(try reader.readInt64() == -2)
        #expect(try reader.readBool())
        #expect(try reader.readBytes(max: 2) == [9, 8])
        #expect(try reader.readString(maxBytes: 4) == "čas")
        #expect(try reader.readShortString() == "é")
        #expect(try reader.readRaw(count: 1) == [7])
        try reader.finish()
    }

    @Test("A message cut short anywhere is an error and moves nothing")
    func truncated() {
        for length in 0..<Self.message.count {
            var reader = ByteReader(Self.message[..<length])
            #expect(throws: ByteError.self) {
                _ = try reader.readRaw(count: 15)
                _ = try reader.readInt64()
                _ = try reader.readBool()
                _ = try reader.readBytes(max: 2)
                _ = try reader.readString(maxBytes: 4)
                _ = try reader.readShortString()
                _ = try reader.readRaw(count: 1)
            }
        }
    }

    @Test("What is passed over is checked as what is read")
    func skipping() throws {
        var writer = ByteWriter()
        for text in ["plain", "čas", ""] { writer.write(shortString: text) }
        var reader = ByteReader(writer.bytes)
        for _ in 0..<3 { try reader.skipShortString(maxBytes: 5) }
        try reader.finish()

        for bad: [UInt8] in [[1, 0, 0xFF], [2, 0, 65], [6, 0, 65, 65, 65, 65, 65, 65], [1]] {
            var reader = ByteReader(bad)
            #expect(throws: ByteError.self) { try reader.skipShortString(maxBytes: 5) }
            #expect(reader.remaining == bad.count)
        }
    }

    @Test("What is not UTF-8 is found in a text of any length, at any place, read or passed over")
    func notUTF8() throws {
        for count in 1...40 {
            let plain = [UInt8](repeating: UInt8(ascii: "a"), count: count)
            var writer = ByteWriter()
            writer.write(UInt16(count))
            writer.write(raw: plain)
            let sound = writer.finish()
            var reader = ByteReader(sound)
            #expect(try reader.readShortString() == String(repeating: "a", count: count))
            for place in 2..<sound.count {
                var broken = sound
                broken[place] = 0x80
                var reader = ByteReader(broken)
                #expect(throws: ByteError.self) { try reader.readShortString() }
                #expect(throws: ByteError.self) { try reader.skipShortString() }
                #expect(reader.remaining == broken.count)
            }
        }
    }

    @Test("Two words are written one after the other, wherever room ends")
    func words() throws {
        for before in 0..<80 {
            var writer = ByteWriter()
            for _ in 0..<before { writer.write(UInt8(7)) }
            writer.write(1, 2)
            var reader = ByteReader(writer.finish())
            _ = try reader.readRaw(count: before)
            #expect(try reader.readUInt64() == 1)
            #expect(try reader.readUInt64() == 2)
            try reader.finish()
        }
    }

    @Test("A range of bytes is read and no more, and errors count from its start")
    func range() throws {
        var reader = ByteReader([9, 1, 0, 9], in: 1..<3)
        #expect(try reader.readUInt8() == 1)
        #expect(throws: ByteError(offset: 1, reason: "2 bytes wanted, 1 left")) {
            try reader.readUInt16()
        }
        #expect(try reader.readBool() == false)
        try reader.finish()
    }

    @Test("Lengths over the bound, bad text, bad Booleans and left-overs are refused")
    func refusals() {
        var long = ByteReader([3, 0, 0, 0, 1, 2, 3])
        #expect(throws: ByteError.self) { try long.readBytes(max: 2) }
        #expect(long.remaining == 7)

        var huge = ByteReader([0xFF, 0xFF, 0xFF, 0xFF, 1])
        #expect(throws: ByteError.self) { try huge.readBytes(max: .max) }

        var text = ByteReader([1, 0, 0, 0, 0xFF])
        #expect(throws: ByteError.self) { try text.readString(maxBytes: 9) }
        #expect(text.remaining == 5)

        var flag = ByteReader([2])
        #expect(throws: ByteError(offset: 0, reason: "2 is not a Boolean")) {
            try flag.readBool()
        }
        #expect(throws: ByteError.self) { try flag.readRaw(count: -1) }
        #expect(throws: ByteError.self) { try flag.finish() }
    }
}
