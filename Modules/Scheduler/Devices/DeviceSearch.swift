// SPDX-License-Identifier: Apache-2.0
internal import MartletAPI

/// Finds a device group for each of several requests, all of a request in one group, where taking the best
/// group for one after the other leaves somebody without.
///
/// Of a=10 and b=7, a request for 4 of any takes the smaller b, and one for 4 of b finds 3: here the first
/// is moved to a. Those with the fewest groups to choose from come first, and each tries its groups in the
/// order of ``DeviceAssignment``: by affinity, then the smallest that fits.
///
/// - Invariant: at most ``stepsMax`` choices are made. What was tried in vain is not tried again, and of groups
///   that are alike to all requests one stands for all.
struct DeviceSearch {
    enum Answer: Equatable {
        /// By request.
        case groups([Int])
        case none
        /// It was given up.
        case unknown
    }

    /// A hundred microseconds or so.
    static let stepsMax = 2048
    /// More requests are not looked at.
    static let requestsMax = 64

    private struct Request {
        let number: Int
        let count: Int
        /// Groups that match, with the weights of affinities that do.
        let options: [(group: Int, weight: Int)]
    }

    private struct State: Hashable {
        let depth: Int
        let left: [Int]
    }

    private let requests: [Request]
    /// By group: equal for those that no request tells apart.
    private let likeness: [Int]

    /// - Parameter free: instances of each group.
    static func answer(
        _ matchers: [DeviceMatcher], on groups: [NodeDeviceGroup], free: [Int]
    ) -> Answer {
        guard hasEnough(matchers, groups, free) else { return .none }
        guard matchers.count <= requestsMax else { return .unknown }
        guard let search = DeviceSearch(matchers, groups, free) else { return .none }
        return search.run(free)
    }

    /// Whether there are as many of each type as are asked for: of most nodes that do not fit, there are not.
    private static func hasEnough(
        _ matchers: [DeviceMatcher], _ groups: [NodeDeviceGroup], _ free: [Int]
    ) -> Bool {
        var left: [Substring: Int] = [:]
        for (group, count) in zip(groups, free) { left[Substring(group.type), default: 0] += count }
        for matcher in matchers {
            left[matcher.type, default: 0] -= matcher.count
            if left[matcher.type, default: 0] < 0 { return false }
        }
        return true
    }

    /// nil if a request has no group.
    private init?(_ matchers: [DeviceMatcher], _ groups: [NodeDeviceGroup], _ free: [Int]) {
        var requests: [Request] = []
        var numbers: [[Int]: Int] = [:]
        var columns = Array(repeating: [Int](), count: groups.count)
        for (number, matcher) in matchers.enumerated() {
            var options: [(group: Int, weight: Int)] = []
            for (index, group) in groups.enumerated() {
                guard matcher.matches(group) else {
                    columns[index].append(.min)
                    continue
                }
                let weight = matcher.hasAffinities ? matcher.matchedWeight(group) : 0
                columns[index].append(weight)
                if free[index] >= matcher.count { options.append((index, weight)) }
            }
            guard !options.isEmpty else { return nil }
            requests.append(Request(number: number, count: matcher.count, options: options))
        }
        self.requests = requests.sorted {
            ($0.options.count, -$0.count, $0.number) < ($1.options.count, -$1.count, $1.number)
        }
        self.likeness = columns.map { column in
            if let known = numbers[column] { return known }
            numbers[column] = numbers.count
            return numbers.count - 1
        }
    }

    private func run(_ free: [Int]) -> Answer {
        var left = free
        var steps = 0
        var failed: Set<State> = []
        /// Groups that each request may still try, the next one last, and the one that it has.
        var rest = [options(of: requests[0], left)]
        var chosen: [Int] = []
        while let depth = rest.indices.last {
            guard let group = rest[depth].popLast() else {
                failed.insert(State(depth: depth, left: left))
                rest.removeLast()
                if let last = chosen.popLast() { left[last] += requests[depth - 1].count }
                continue
            }
            steps += 1
            guard steps <= Self.stepsMax else { return .unknown }
            left[group] -= requests[depth].count
            chosen.append(group)
            if chosen.count == requests.count { return .groups(byRequest(chosen)) }
            if failed.contains(State(depth: depth + 1, left: left)) {
                left[group] += requests[depth].count
                chosen.removeLast()
            } else {
                rest.append(options(of: requests[depth + 1], left))
            }
        }
        return .none
    }

    /// The one to be tried first is the last.
    private func options(of request: Request, _ left: [Int]) -> [Int] {
        var seen: Set<[Int]> = []
        return request.options.filter {
            left[$0.group] >= request.count
                && seen.insert([likeness[$0.group], left[$0.group]]).inserted
        }.sorted {
            (-$1.weight, left[$1.group], $1.group) < (-$0.weight, left[$0.group], $0.group)
        }.map(\.group)
    }

    private func byRequest(_ chosen: [Int]) -> [Int] {
        var groups = Array(repeating: -1, count: requests.count)
        for (request, group) in zip(requests, chosen) { groups[request.number] = group }
        return groups
    }
}
