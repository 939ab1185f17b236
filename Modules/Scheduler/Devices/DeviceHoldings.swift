// SPDX-License-Identifier: Apache-2.0
internal import MartletAPI

/// How many instances of one device group allocations hold at a time, by type of device: the sizes in which
/// devices are asked for here.
struct DeviceHoldings {
    private var counts: [String: [Int: Int]] = [:]

    /// An allocation has come (1) or is gone (-1).
    mutating func count(_ resources: AllocatedResources, _ change: Int) {
        for task in resources.tasks {
            for device in task.devices where !device.deviceIDs.isEmpty {
                let size = device.deviceIDs.count
                let count = counts[device.type, default: [:]][size, default: 0] + change
                counts[device.type, default: [:]][size] = count == 0 ? nil : count
            }
        }
    }

    func sizes(of type: String) -> [Int: Int] { counts[type] ?? [:] }
}

/// How many of a device group's free instances will be used, if asks of known sizes go on coming as often as
/// they do.
///
/// An ask that fits takes its size, and what it leaves is worth what that will be used for; asks that do
/// not fit go elsewhere. What only rare asks could use counts for less. Where all ask for 20 or 40, a rest of
/// 9 is worth nothing, and one of 25 is worth 20.
struct ExpectedUse {
    /// Free instances beyond this are as good as the mean of those up to here.
    private static let reach = 256
    /// A rest that is fit for this share of all asks is worth all of its use, one for less in proportion.
    private static let commonShare = 0.05

    /// By number of free instances.
    private let used: [Double]

    /// `sizes` are how often each is asked for; `largest` is that of the groups that will be looked at.
    init(_ sizes: [Int: Int], largest: Int) {
        let rows = sizes.filter { $0.key > 0 && $0.value > 0 }.sorted { $0.key < $1.key }
        let common = Self.commonShare * Double(rows.reduce(0) { $0 + $1.value })
        var used = [0.0]
        for free in 1...max(1, min(largest, Self.reach)) {
            var fitting = 0.0
            var sum = 0.0
            for row in rows where row.key <= free {
                fitting += Double(row.value)
                sum += Double(row.value) * (Double(row.key) + used[free - row.key])
            }
            used.append(fitting > 0 ? sum / max(fitting, common) : 0)
        }
        self.used = used
    }

    func of(_ free: Int) -> Double {
        let last = used.count - 1
        return free <= last ? used[max(0, free)] : used[last] * Double(free) / Double(last)
    }
}
