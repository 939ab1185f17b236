// SPDX-License-Identifier: Apache-2.0
import MartletBytes

/// Builds a state from the pieces of its snapshot, however they are cut: it holds the state so far, and
/// less than a piece and one element beside. Its input may be hostile; what it takes does not depend on
/// where the pieces end.
///
/// - Invariant: an element is read once as many bytes are here as any such element may take, or all.
package struct StateDecoder {
    private var state = State()
    /// nil before the first byte.
    private var version: UInt8?
    /// Those that are not begun, the next one last.
    private var sections: [StateSection] = []
    /// Of the section that is begun.
    private var readElement: StateSection.Read<Void>?
    private var elementBytesMax = 0
    private var elementsLeft: UInt32 = 0
    private var unread: [UInt8] = []

    package init() {}

    /// - Throws: for what is no part of a snapshot; the decoder is of no use after that.
    package mutating func receive(_ piece: [UInt8]) throws(StateError) {
        if unread.isEmpty { unread = piece } else { unread += piece }
        try decode(isLast: false)
        guard unitBytesMax != nil || unread.isEmpty else { throw tooMany }
    }

    /// The state, once all pieces were received.
    ///
    /// - Throws: unless it is a state that gives these bytes back.
    package consuming func finish() throws(StateError) -> State {
        try decode(isLast: true)
        guard unread.isEmpty else { throw tooMany }
        guard let version, version == state.neededVersion else {
            throw .malformed(
                "version \(version ?? 0) without need of more than \(state.neededVersion)")
        }
        return state
    }

    private var tooMany: StateError { .malformed("\(unread.count) bytes too many") }

    /// What the next unit takes at most; nil when there is none.
    private var unitBytesMax: Int? {
        if version == nil { return 1 }
        return elementsLeft > 0 ? elementBytesMax : sections.last?.headBytesMax
    }

    private mutating func decode(isLast: Bool) throws(StateError) {
        var reader = StateReader(unread)
        while let most = unitBytesMax, isLast || reader.remaining >= most {
            try readUnit(&reader)
        }
        unread = Array(unread.suffix(reader.remaining))
    }

    private mutating func readUnit(_ reader: inout StateReader) throws(StateError) {
        if let readElement, elementsLeft > 0 {
            elementsLeft -= 1
            return try readElement(&reader, &state)
        }
        if let section = sections.popLast() {
            elementsLeft = try section.readHead(&reader, &state)
            elementBytesMax = section.elementBytesMax
            readElement = section.elementReader()
            return
        }
        let version = try reader.uint8()
        guard version <= State.snapshotVersion else {
            throw .newerVersion(version, known: State.snapshotVersion)
        }
        guard version > 0 else { throw .malformed("no snapshot has version \(version)") }
        self.version = version
        sections = State.sections(version: version).reversed()
    }
}
