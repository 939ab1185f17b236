// SPDX-License-Identifier: Apache-2.0
internal import MartletAPI

/// Numbers for jobs, so that the view compares no texts. A number is in use while an allocation or a
/// placer has it, and is then given to another job.
struct JobTable {
    struct Entry {
        var key: JobKey
        /// Names of its groups; the place is the group's number.
        var groups: [String] = []
        /// First of its allocations.
        var first = AllocationRecord.none
        var holders = 0
    }

    private(set) var entries: [Entry] = []
    private var numbers: [JobKey: Int32] = [:]
    private var unused: [Int32] = []

    /// The number of a job, made if it has none; held until ``release(_:)``.
    mutating func hold(_ key: JobKey) -> Int32 {
        if let number = numbers[key] {
            entries[Int(number)].holders += 1
            return number
        }
        let number: Int32
        if let free = unused.popLast() {
            number = free
            entries[Int(free)] = Entry(key: key)
        } else {
            number = Int32(entries.count)
            entries.append(Entry(key: key))
        }
        numbers[key] = number
        entries[Int(number)].holders = 1
        return number
    }

    mutating func hold(_ number: Int32) { entries[Int(number)].holders += 1 }

    mutating func release(_ number: Int32) {
        entries[Int(number)].holders -= 1
        guard entries[Int(number)].holders == 0 else { return }
        numbers[entries[Int(number)].key] = nil
        entries[Int(number)] = Entry(key: JobKey(id: ""))
        unused.append(number)
    }

    mutating func group(_ name: String, of job: Int32) -> Int32 {
        if let known = entries[Int(job)].groups.firstIndex(of: name) { return Int32(known) }
        entries[Int(job)].groups.append(name)
        return Int32(entries[Int(job)].groups.count - 1)
    }

    mutating func setFirst(_ record: Int32, of job: Int32) { entries[Int(job)].first = record }
    func first(of job: Int32) -> Int32 { entries[Int(job)].first }
}
