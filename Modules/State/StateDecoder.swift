// SPDX-License-Identifier: Apache-2.0
import MartletBytes

/// Builds a state from the pieces of its snapshot, however they are cut: it holds the state so far, and
/// less than a piece and one element beside. Its input may be hostile; what it takes does not depend on
/// where the pieces end. A value: it may stop anywhere, be a part of a state, and go on elsewhere.
///
/// - Invariant: an element is read once as many bytes are here as any such element may take, or all.
package struct StateDecoder: Equatable, Sendable {
    private let indexes: StateSection.RowIndexes
    private let versionMax: UInt8
    var state = State()
    /// 0 before the first byte.
    private(set) var version: UInt8 = 0
    private var sectionsBegun = 0
    /// Of the section that was begun last.
    private var elementsLeft: UInt32 = 0
    private var unread: [UInt8] = []

    package init() { self.init(.kept, versionMax: State.snapshotVersion) }

    init(_ indexes: StateSection.RowIndexes, versionMax: UInt8) {
        self.indexes = indexes
        self.versionMax = versionMax
    }

    /// - Throws: for what is no part of a snapshot; the decoder is of no use after that.
    package mutating func receive(_ piece: [UInt8]) throws(StateError) {
        if unread.isEmpty { unread = piece } else { unread += piece }
        let isOver = try decode(isLast: false)
        guard !isOver || unread.isEmpty else { throw tooMany }
    }

    /// The state, once all pieces were received.
    ///
    /// - Throws: unless it is a state that gives these bytes back.
    package consuming func finish() throws(StateError) -> State {
        _ = try decode(isLast: true)
        guard unread.isEmpty else { throw tooMany }
        guard version == state.neededVersion else {
            throw .malformed("version \(version) without need of more than \(state.neededVersion)")
        }
        return state
    }

    private var tooMany: StateError { .malformed("\(unread.count) bytes too many") }

    /// Reads what is here; true once all sections are over.
    private mutating func decode(isLast: Bool) throws(StateError) -> Bool {
        var reader = StateReader(unread)
        if version == 0, isLast || !unread.isEmpty { try readVersion(&reader) }
        var staged = stagedVersion
        var sections = sections
        var isOver = false
        while version > 0 {
            if elementsLeft > 0 {
                let section = sections[sectionsBegun - 1]
                guard isLast || reader.remaining >= section.elementBytesMax else { break }
                elementsLeft -= 1
                try section.readElement(&reader, &state)
            } else if sectionsBegun < sections.count {
                let section = sections[sectionsBegun]
                guard isLast || reader.remaining >= section.headBytesMax else { break }
                sectionsBegun += 1
                elementsLeft = try section.readHead(&reader, &state)
                // A restore that is under way has sections of its own.
                if staged != stagedVersion {
                    staged = stagedVersion
                    sections = self.sections
                }
            } else {
                isOver = true
                break
            }
        }
        unread = Array(unread.suffix(reader.remaining))
        return isOver
    }

    private var sections: [StateSection] {
        State.sections(version: version, indexes, staged: stagedVersion)
    }

    /// Of the state that is being restored; nil while there is none, or none that is read as it comes.
    private var stagedVersion: UInt8? { state.pendingRestore?.decoder?.version }

    private mutating func readVersion(_ reader: inout StateReader) throws(StateError) {
        let version = try reader.uint8()
        guard version <= versionMax else { throw .newerVersion(version, known: versionMax) }
        guard version > 0 else { throw .malformed("no snapshot has version \(version)") }
        self.version = version
    }
}

// MARK: As a part of a state

extension StateDecoder {
    /// Of a state that is being restored: where it is read by the programs that know of such restores.
    static var staging: StateDecoder { StateDecoder(.dropped, versionMax: StateRestore.formatMax) }

    func writePosition(to writer: inout ByteWriter) {
        writer.write(version)
        writer.write(UInt8(sectionsBegun))
        writer.write(elementsLeft)
        writer.write(bytes: unread)
    }

    /// The state itself is read elsewhere.
    init(position reader: inout StateReader) throws(StateError) {
        self = .staging
        version = try reader.uint8()
        sectionsBegun = Int(try reader.uint8())
        elementsLeft = try reader.uint32()
        unread = try reader.bytes(max: StateSection.unitBytesMax)
        let sections = version == 0 ? [] : sections
        guard version <= versionMax, sectionsBegun <= sections.count,
            elementsLeft == 0
                || sectionsBegun > 0 && sections[sectionsBegun - 1].elementBytesMax > 0
        else {
            throw .malformed(
                "a restore at element \(elementsLeft) of section \(sectionsBegun) of version "
                    + "\(version)")
        }
    }
}
