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

private func restore(
    _ value: UInt64, _ began: UInt64, _ ended: UInt64, _ outcome: Operation.Outcome
) -> Operation {
    Operation(
        client: 2, kind: .restore(value: value), beganAt: began,
        endedAt: outcome == .unknown ? .max : ended, outcome: outcome)
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

    @Test("A restore brings a value back with a version of its own, and in its time")
    func restored() {
        let before = [write(7, 1, 2, .written(version: 3)), write(8, 3, 4, .written(version: 5))]
        let after = restore(7, 5, 8, .written(version: 9))
        func holds(_ operations: Operation...) -> Bool {
            Linearizability.violation(
                in: before + operations, of: "x", initialValues: [250]) == nil
        }
        #expect(holds(after, read(8, at: 5, 6, 7), read(7, at: 9, 10, 11)))
        // It came into force, and the next reader does not see it.
        #expect(!holds(after, read(8, at: 5, 10, 11)))
        // With the version that was saved.
        #expect(!holds(after, read(7, at: 3, 10, 11)))
        // Twice, or a part of it before its end.
        #expect(!holds(after, read(7, at: 7, 6, 7), read(7, at: 9, 10, 11)))
        // A compare-and-set of a version from before it.
        #expect(!holds(after, write(9, if: 5, 10, 11, .written(version: 12))))
        // A restore that was never asked for.
        #expect(!holds(read(7, at: 9, 10, 11)))
    }

    @Test("A restore of unknown outcome may come into force late, or never, and once")
    func unknownRestore() {
        let before = [write(7, 1, 2, .written(version: 3)), write(8, 3, 4, .written(version: 5))]
        let lost = restore(7, 5, 0, .unknown)
        func holds(_ operations: Operation...) -> Bool {
            Linearizability.violation(
                in: before + [lost] + operations, of: "x", initialValues: [250]) == nil
        }
        #expect(holds(read(8, at: 5, 6, 7)))
        #expect(holds(read(8, at: 5, 6, 7), read(7, at: 9, 8, 9)))
        #expect(!holds(read(7, at: 9, 6, 7), read(8, at: 5, 8, 9)))
        #expect(!holds(read(7, at: 9, 6, 7), read(7, at: 12, 8, 9)))
        #expect(
            Linearizability.versionsOfRestores(
                in: before + [lost, read(7, at: 9, 8, 9)], initialValues: [250]) == [5: 9])
    }

    @Test("An acknowledged write whose version may be a restore's is not lost without a trace")
    func ambiguous() {
        // Version 9 is the write's, or the restore's after it; 5 leaves room for neither.
        #expect(
            isLinearizable(
                read(250, at: 2, 1, 2), write(7, 3, 4, .written(version: nil)),
                restore(7, 5, 0, .unknown), read(7, at: 9, 6, 7)))
        #expect(
            !isLinearizable(
                read(250, at: 9, 1, 2), write(7, 3, 4, .written(version: nil)),
                restore(7, 5, 0, .unknown), read(250, at: 9, 6, 7), read(7, at: 12, 8, 9)))
    }
}
