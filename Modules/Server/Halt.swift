// SPDX-License-Identifier: Apache-2.0
import Synchronization

/// Tells work on a lane that nobody waits for it any more: a lane ends when its work does, and a large
/// state keeps it busy for long. Asked between two pieces.
final class Halt: Sendable {
    private let flag = Atomic<Bool>(false)

    var isSet: Bool { flag.load(ordering: .relaxed) }

    func set() { flag.store(true, ordering: .relaxed) }
}
