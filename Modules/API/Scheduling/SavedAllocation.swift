// SPDX-License-Identifier: Apache-2.0
package import MartletJSON

/// What a node keeps of an allocation on its disk, so that its next life knows what runs.
package struct SavedAllocation: Equatable, Sendable, JSONWritable {
    package struct Runs: Equatable, Sendable {
        /// How often its command was told to run: the number of the last time.
        package var count: Int
        /// Whether what came of the last time is not in the states yet.
        package var isOpen: Bool

        package init(count: Int, isOpen: Bool) {
            self.count = count
            self.isOpen = isOpen
        }
    }

    /// What the servers are told.
    package var update: AllocationUpdate
    /// By task.
    package var runs: SortedMap<Runs>
    /// Whether the servers said that it is to end before it had. Where a restore wants it again, it begins anew.
    package var isStopped: Bool

    package init(update: AllocationUpdate, runs: SortedMap<Runs>, isStopped: Bool = false) {
        self.update = update
        self.runs = runs
        self.isStopped = isStopped
    }

    package static let bytesMax = 8 << 20
    private static let limits = JSONLimits(depthMax: 16, bytesMax: bytesMax, valuesMax: 1 << 19)

    /// - Throws: when it is none.
    package static func parse(_ body: [UInt8]) throws(APIError) -> SavedAllocation {
        let fields = try BodyFields(
            try ConfigurationKind.allocations.parse(body: body, limits: limits), of: .allocations)
        let updates = try AllocationUpdate.parse(body: body, limits: limits)
        guard let update = updates.first else { throw fields.refusal("Alloc", "is missing") }
        var runs = SortedMap<Runs>()
        for task in try fields.objectMap("Runs", max: SchedulingBounds.tasksMax) {
            runs[task.key] = Runs(
                count: try task.fields.int("Count", default: 0),
                isOpen: try task.fields.bool("Open", default: false))
        }
        return SavedAllocation(
            update: update, runs: runs, isStopped: try fields.bool("Stopped", default: false))
    }

    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("Alloc", [update])
        writer.member("Runs", orNull: runs)
        writer.member("Stopped", isStopped)
        writer.endObject()
    }

    package var bytes: [UInt8] { JSONWriter.encode(self) }
}

extension SavedAllocation.Runs: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("Count", count)
        writer.member("Open", isOpen)
        writer.endObject()
    }
}
