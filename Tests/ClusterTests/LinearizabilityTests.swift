// SPDX-License-Identifier: Apache-2.0
import MartletHarness
import Testing

/// A write, from `began` to `ended`, with the version that it was told.
private func write(
    _ value: UInt64, if expected: UInt64? = nil, _ began: UInt64, _ ended: UInt64,
    _ outcome: Operation.Outcome
) -> Operation {
    Operation(
        client: 0, kind: .write(value: value, ifVersion: expected), beganAt: began,
        endedAt: outcome == .unknown ? .max : ended, outcome: outcome)
}

private func read(_ value: UInt64, at version: UInt64, _ began: UInt64, _ ended: UInt64)
    -> Operation
{
    Operation(
        client: 1, kind: .read, beganAt: began, endedAt: ended,
        outcome: .found(value: value, version: version))
}

/// 250 is what a cluster begins with.
private func isLinearizable(_ operations: Operation...) -> Bool {
    Linearizability.violation(in: operations, of: "x", initialValues: [250]) == nil
}

@Suite("Histories are judged by their versions") struct LinearizabilityTests {
    @Test("Overlapping operations may take effect in either order")
    func overlap() {
        #expect(
            isLinearizable(
                read(250, at: 3, 1, 2), write(7, 3, 8, .written(version: 5)),
                read(250, at: 3, 4, 5), read(7, at: 5, 6, 7), read(7, at: 5, 9, 10)))
        #expect(
            isLinearizable(
                write(7, 1, 10, .written(version: 9)), write(8, 2, 9, .written(version: 5)),
                read(7, at: 9, 11, 12)))
    }

    @Test("An unknown write may take effect late, or never")
    func unknown() {
        #expect(
            isLinearizable(
                write(7, 1, 0, .unknown), read(250, at: 2, 3, 4), read(7, at: 6, 9, 10)))
        #expect(isLinearizable(write(7, 1, 0, .unknown), read(250, at: 2, 3, 4)))
        // But not before it began.
        #expect(!isLinearizable(read(7, at: 6, 1, 2), read(250, at: 2, 3, 4)))
    }

    @Test("A read that began after a write ended must see it")
    func staleRead() {
        #expect(
            !isLinearizable(
                read(250, at: 2, 1, 2), write(7, 3, 4, .written(version: 5)),
                read(250, at: 2, 5, 6)))
    }

    @Test("A read must not go back behind an earlier read")
    func backwards() {
        #expect(
            !isLinearizable(
                write(7, 1, 9, .written(version: 5)), read(7, at: 5, 2, 3),
                read(250, at: 2, 4, 5)))
    }

    @Test("An unknown write that was seen once stays")
    func seenUnknown() {
        #expect(
            !isLinearizable(
                write(7, 1, 0, .unknown), read(7, at: 5, 2, 3), read(250, at: 2, 4, 5)))
    }

    @Test("An acknowledged write of which nothing is left is lost, whether its version is known")
    func lost() {
        #expect(
            !isLinearizable(
                read(250, at: 2, 1, 2), write(7, 3, 4, .written(version: nil)),
                read(250, at: 2, 5, 6)))
        #expect(
            isLinearizable(
                read(250, at: 2, 1, 2), write(7, 3, 4, .written(version: nil)),
                write(8, 5, 6, .written(version: 9)), read(8, at: 9, 7, 8)))
        // Without room for another version between the two.
        #expect(
            !isLinearizable(
                read(250, at: 2, 1, 2), write(7, 3, 4, .written(version: nil)),
                write(8, 5, 6, .written(version: 3)), read(8, at: 3, 7, 8)))
    }

    @Test("Writes in order of time have versions in that order")
    func writeOrder() {
        #expect(
            !isLinearizable(
                write(7, 1, 2, .written(version: 9)), write(8, 3, 4, .written(version: 5))))
    }

    @Test("Two compare-and-sets from one version: one succeeds")
    func compareAndSet() {
        #expect(
            isLinearizable(
                read(250, at: 2, 1, 2), write(7, if: 2, 3, 9, .written(version: 5)),
                write(8, if: 2, 4, 8, .conflict), read(7, at: 5, 10, 11)))
        #expect(
            !isLinearizable(
                read(250, at: 2, 1, 2), write(7, if: 2, 3, 9, .written(version: 5)),
                write(8, if: 2, 4, 8, .written(version: 6))))
    }

    @Test("A compare-and-set is not refused while the version is there")
    func refused() {
        #expect(
            !isLinearizable(
                read(250, at: 2, 1, 2), write(7, if: 2, 3, 4, .conflict),
                read(250, at: 2, 5, 6)))
        #expect(
            !isLinearizable(
                read(250, at: 2, 1, 2), write(7, if: 2, 3, 4, .conflict),
                write(8, if: 2, 5, 6, .written(version: 9))))
        #expect(
            isLinearizable(
                read(250, at: 2, 1, 2), write(8, 2, 5, .written(version: 9)),
                write(7, if: 2, 3, 4, .conflict)))
    }

    @Test("What is there was written, by a write that was not refused, and once")
    func values() {
        #expect(!isLinearizable(read(99, at: 2, 1, 2)))
        #expect(!isLinearizable(write(7, if: 1, 1, 2, .conflict), read(7, at: 3, 3, 4)))
        #expect(
            !isLinearizable(
                write(7, 1, 2, .written(version: 3)), read(7, at: 3, 3, 4),
                read(7, at: 8, 5, 6)))
        #expect(
            !isLinearizable(
                write(7, 1, 9, .written(version: 3)), write(8, 2, 9, .written(version: 3))))
    }
}
