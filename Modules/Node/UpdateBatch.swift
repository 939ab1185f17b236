// SPDX-License-Identifier: Apache-2.0
import MartletAPI

/// As many updates as servers take in one request (`SchedulingBounds.updateLimits`).
enum UpdateBatch {
    /// Three quarters of what they take.
    private static let valuesMax = 48_000
    private static let bytesMax = 768 << 10

    /// Cuts behind the last that fits. Of one that would never fit, the oldest events are left out.
    static func cut(
        _ updates: [AllocationUpdate]
    ) -> (batch: [AllocationUpdate], rest: [AllocationUpdate]) {
        var values = 0
        var bytes = 0
        for (position, update) in updates.enumerated() {
            let size = size(of: update)
            values += size.values
            bytes += size.bytes
            guard values > valuesMax || bytes > bytesMax else { continue }
            guard position == 0 else {
                return (Array(updates[..<position]), Array(updates[position...]))
            }
            return ([withoutEvents(update)], Array(updates[1...]))
        }
        return (updates, [])
    }

    /// Not less than what it takes as JSON: names and braces included.
    private static func size(of update: AllocationUpdate) -> (values: Int, bytes: Int) {
        var values = 16
        var bytes = 256 + update.clientDescription.utf8.count
        for task in update.taskStates?.value ?? [:] {
            values += 16
            bytes += 256 + task.key.utf8.count
            for event in task.value.events {
                values += 16 + event.details.count
                bytes += 256 + 2 * event.displayMessage.utf8.count
                for detail in event.details {
                    bytes += 8 + detail.key.utf8.count + detail.value.utf8.count
                }
            }
        }
        return (values, bytes)
    }

    private static func withoutEvents(_ update: AllocationUpdate) -> AllocationUpdate {
        var cut = update
        var states = SortedMap<TaskState>()
        for task in update.taskStates?.value ?? [:] {
            states[task.key] = task.value
            states[task.key]?.events = task.value.events.suffix(1)
        }
        cut.taskStates = Shared(states)
        return cut
    }
}
