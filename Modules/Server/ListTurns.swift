// SPDX-License-Identifier: Apache-2.0
import MartletTransport

/// How much of lists is written in one turn of a server's loop: many clients may ask for long ones at
/// the same moment, when a change ends the waiting of all of them, and between two turns the loop does
/// what cannot wait, such as Raft. Whoever comes when it is used up goes on in a later turn, in the order
/// of coming. Confined to the loop.
final class ListTurns {
    /// A few milliseconds.
    private static let bytesPerTurn = 512 << 10
    /// What a row costs that is looked at, besides its bytes.
    private static let bytesPerRow = 128

    private let loop: any Loop
    private var spent = 0
    private var waiting: [() -> Void] = []
    private var timer: (any LoopTimer)?

    init(loop: any Loop) { self.loop = loop }

    /// Whether something can be written at once; otherwise ``wait(_:)``.
    var hasRoom: Bool { spent < Self.bytesPerTurn && timer == nil }

    func spend(bytes: Int, rows: Int) {
        if spent == 0 { loop.atEndOfTurn { [weak self] in self?.spent = 0 } }
        spent += bytes + rows * Self.bytesPerRow
    }

    func wait(_ body: @escaping () -> Void) {
        waiting.append(body)
        if timer == nil { arm() }
    }

    private func arm() {
        let timer = loop.makeTimer { [weak self] in self?.goOn() }
        self.timer = timer
        timer.arm(at: loop.now)
    }

    private func goOn() {
        timer = nil
        let coming = waiting
        waiting = []
        var done = 0
        while done < coming.count, hasRoom {
            coming[done]()
            done += 1
        }
        waiting = coming[done...] + waiting
        if timer == nil, !waiting.isEmpty { arm() }
    }
}
