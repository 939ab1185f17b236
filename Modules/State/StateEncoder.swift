// SPDX-License-Identifier: Apache-2.0
import MartletBytes

/// The snapshot of a state, piece by piece: it holds a reference to the state, a piece and at most one
/// element beside. For a worker; equal states give equal pieces.
///
///     var encoder = StateEncoder(state)
///     while let piece = encoder.next() { … }
package struct StateEncoder {
    package static let pieceBytes = 256 << 10

    private let state: State
    /// Those that are not begun, the next one last.
    private var sections: [StateSection]
    /// Of the section that is begun.
    private var writeElement: ((inout ByteWriter) -> Bool)?
    private var writer = ByteWriter()

    package init(_ state: State) {
        let version = state.neededVersion
        self.state = state
        sections = State.sections(
            version: version, staged: state.pendingRestore?.decoder?.version
        ).reversed()
        writer.write(version)
    }

    /// The next bytes, exactly so many unless they are the last; nil once all are there.
    package mutating func next(bytes count: Int = pieceBytes) -> [UInt8]? {
        precondition(count > 0, "a piece of \(count) bytes")
        while writer.count < count, writeMore() {}
        guard writer.count > 0 else { return nil }
        let made = writer.bytes
        writer.clear()
        if made.count <= count { return made }
        writer.write(raw: made[count...])
        return Array(made[..<count])
    }

    /// False once there is nothing more.
    private mutating func writeMore() -> Bool {
        if let writeElement {
            if !writeElement(&writer) { self.writeElement = nil }
            return true
        }
        guard let section = sections.popLast() else { return false }
        section.writeHead(state, &writer)
        writeElement = section.elementWriter(state)
        return true
    }
}
