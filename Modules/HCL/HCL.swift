// SPDX-License-Identifier: Apache-2.0

import MartletJSON

/// Bounds of one text.
package struct HCLLimits: Equatable, Sendable {
    /// Blocks, objects and lists inside each other. Parser and tree use the stack in proportion.
    package var depthMax: Int
    package var bytesMax: Int
    /// Items and list elements in all; one takes some 100 bytes, and as little as 2 bytes of text.
    package var itemsMax: Int

    /// - Precondition: `depthMax` is at most ``HCL/depthMax``.
    package init(depthMax: Int = 64, bytesMax: Int = 1 << 20, itemsMax: Int = 1 << 16) {
        precondition(depthMax <= HCL.depthMax, "depth \(depthMax) could exhaust a stack")
        self.depthMax = depthMax
        self.bytesMax = bytesMax
        self.itemsMax = itemsMax
    }
}

/// Reads and writes HCL 1, as far as Nomad's agent files and ACL policies use it, and its JSON form
/// (`docs/adr/0022-own-hcl.md`).
package enum HCL {
    /// What the stack of any thread holds.
    package static let depthMax = 512

    package enum Syntax: Sendable {
        /// JSON when the first byte that is no blank is `{`, as Nomad decides it, otherwise HCL.
        case either
        case json
        case hcl
    }

    /// - Throws: the first fault of the text. A byte order mark, a NUL and bytes that are not
    ///   UTF-8 are faults wherever they stand.
    package static func parse(
        _ bytes: [UInt8], limits: HCLLimits = HCLLimits(), syntax: Syntax = .either
    ) throws(HCLError) -> HCLBody {
        let start = HCLPosition(line: 1, column: 1)
        guard bytes.count <= limits.bytesMax else {
            throw HCLError("larger than \(limits.bytesMax) bytes", at: start)
        }
        guard !bytes.starts(with: [0xEF, 0xBB, 0xBF]) else {
            throw HCLError(
                "begins with a byte order mark: save it as UTF-8 without one", at: start)
        }
        if let fault = firstFault(of: bytes) {
            var places = HCLPlaces(of: bytes)
            throw HCLError(fault.message, at: places.position(of: fault.offset))
        }
        if syntax == .json || syntax == .either && isJSON(bytes) {
            return try HCLJSON.parse(bytes, limits)
        }
        return try HCLParser.parse(bytes, limits)
    }

    private static func isJSON(_ bytes: [UInt8]) -> Bool {
        bytes.first { !HCLScanner.isBlank($0) } == UInt8(ascii: "{")
    }

    /// What is not text at all.
    private static func firstFault(of bytes: [UInt8]) -> (offset: Int, message: String)? {
        let zero = bytes.firstIndex(of: 0)
        let broken = String(validating: bytes, as: UTF8.self) == nil ? firstBroken(bytes) : nil
        switch (zero, broken) {
        case (let zero?, let broken) where zero < broken ?? .max: return (zero, "a NUL byte")
        case (_, let broken?): return (broken, "bytes that are not UTF-8")
        default: return nil
        }
    }

    private static func firstBroken(_ bytes: [UInt8]) -> Int? {
        var parser = Unicode.UTF8.ForwardParser()
        var iterator = bytes.makeIterator()
        var offset = 0
        while true {
            switch parser.parseScalar(from: &iterator) {
            case .valid(let encoded): offset += encoded.count
            case .error: return offset
            case .emptyInput: return nil
            }
        }
    }
}

/// Turns offsets into places, in one pass.
struct HCLPlaces {
    private let bytes: [UInt8]
    private var offset = 0
    private var line = 1
    private var column = 1

    init(of bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// - Precondition: offsets come in ascending order.
    mutating func position(of wanted: Int) -> HCLPosition {
        precondition(wanted >= offset, "offset \(wanted) after \(offset)")
        for byte in bytes[offset..<min(wanted, bytes.count)] {
            if byte == UInt8(ascii: "\n") {
                line += 1
                column = 1
            } else if !HCLScanner.continuesCharacter(byte) {
                column += 1
            }
        }
        offset = min(wanted, bytes.count)
        return HCLPosition(line: line, column: column)
    }
}
