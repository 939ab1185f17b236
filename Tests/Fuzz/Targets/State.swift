// SPDX-License-Identifier: Apache-2.0
import MartletBytes
import MartletState

extension FuzzTarget {
    static let state = [command, commands, snapshot]

    private static let command = reencoding(
        "command", "one command of the log", bytesMax: 2048,
        words: words("0.1.0", "promote", "dc1"),
        isCanonical: true
    ) { input in .of { try Command(decoding: input).encoded() } }

    /// Applying is total: any bytes have a result, two states that saw the same are equal, and what
    /// came of it is a snapshot that loads again.
    ///
    /// An input is one command after another, with two bytes for the length of each.
    private static let commands = FuzzTarget(
        "commands", "a log, applied", bytesMax: 4096
    ) { input throws(Finding) in
        var state = State()
        var twin = State()
        var rest = input[...]
        var index: UInt64 = 0
        var features = FNV()
        while rest.count >= 2, index < 32 {
            let length = Int(rest[rest.startIndex]) | Int(rest[rest.startIndex + 1]) << 8
            let bytes = Array(rest.dropFirst(2).prefix(length))
            rest = rest.dropFirst(2 + bytes.count)
            // Gaps, as configurations leave them.
            index += UInt64(1 + bytes.count & 1)
            let result = state.apply(bytes, at: index)
            try demand(twin.apply(bytes, at: index) == result, "two results of one command")
            features.mix(bits(result))
        }
        try demand(state == twin, "two states of one log")
        try reload(state)
        try reload(archived: state)
        return features.value
    }

    private static func bits(_ result: CommandResult) -> UInt64 {
        switch result {
        case .applied: 1
        case .casFailed: 2
        case .unchanged: 3
        case .refused(let why): Features.text(why)
        case .aclRefused(let refusal): Features.text("\(refusal)")
        case .schedulerRefused(let refusal): Features.text("\(refusal)")
        }
    }

    private static func reload(_ state: State) throws(Finding) {
        let bytes = state.encoded()
        do throws(StateError) {
            let again = try State(decoding: bytes)
            guard again == state else { throw .malformed("it is another state") }
            guard again.encoded() == bytes else { throw .malformed("it has other bytes") }
        } catch {
            throw Finding("its snapshot: \(error)")
        }
    }

    /// What is saved can be restored, whatever the state.
    private static func reload(archived state: State) throws(Finding) {
        var restored = State()
        let bytes = state.archived()
        let steps: [Command] = [
            .restoreBegin(sizeBytes: UInt64(bytes.count), checksum: CRC32C.checksum(bytes)),
            .restoreChunk(restore: 1, number: 0, bytes: bytes),
            .restoreEnd(restore: 1, hasACL: StateRestore.hasACL(bytes)),
        ]
        guard bytes.count <= StateRestore.chunkBytes else { return }
        for (step, command) in steps.enumerated() {
            let index = UInt64(step + 1)
            let result = restored.apply(command.encoded(), at: index)
            try demand(result == .applied(modifyIndex: index), "its restore: \(result)")
        }
    }

    private static let snapshot = reencoding(
        "state-snapshot", "a state as bytes", bytesMax: 8192, isCanonical: true
    ) { input in .of { try State(decoding: input).encoded() } }
}
