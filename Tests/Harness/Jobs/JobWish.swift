// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletSimulation

/// What a client of a trial asks of one of its jobs; each job has one group.
struct JobWish: Equatable {
    /// What its task does.
    enum Work: CaseIterable {
        /// Runs for as long as it may.
        case lasting
        /// Ends well after a while.
        case ending
        /// Fails after a while, each time.
        case failing
        /// Takes its time to begin and to end.
        case slow

        fileprivate var config: String {
            switch self {
            case .lasting: "{}"
            case .ending: #"{"run_for":"1s"}"#
            case .failing: #"{"fail_at":"700ms"}"#
            case .slow: #"{"start_delay":"800ms","kill_after":"600ms"}"#
            }
        }
    }

    let id: String
    let type: JobType
    private let isRolling: Bool
    var count = 1
    var priority = 50
    var cpu = 500
    var work = Work.lasting
    /// A change of it replaces all instances.
    var salt = 0
    var isStopped = false

    static let names = 8
    static let memoryMB = 64

    /// - Parameter number: of the job; its type follows from it.
    init(number: Int) {
        id = "job-\(number)"
        isRolling = number >= 6
        type =
            [.service, .service, .batch, .service, .system, .batch, .service, .service][
                number % 8]
    }

    /// Asks for something else.
    mutating func vary(_ generator: inout SplitMix64) {
        isStopped = false
        count = Int.random(in: 1...6, using: &generator)
        switch Int.random(in: 0..<4, using: &generator) {
        case 0: priority = [20, 50, 70][Int.random(in: 0..<3, using: &generator)]
        case 1: cpu = [300, 500, 900, 1_600][Int.random(in: 0..<4, using: &generator)]
        case 2: salt += 1
        default: break
        }
        if Int.random(in: 0..<3, using: &generator) == 0 {
            work = Work.allCases[Int.random(in: 0..<Work.allCases.count, using: &generator)]
        }
    }

    /// What can come to rest: a service that always fails never does.
    mutating func calm() {
        work = type == .batch ? .ending : work == .slow ? .slow : .lasting
    }

    /// The body that registers it.
    var body: String {
        let count = type.isSystem ? 1 : count
        return #"{"Job":{"ID":"\#(id)","Name":"\#(id)","Type":"\#(type.rawValue)","#
            + #""Priority":\#(priority),"Datacenters":["dc1"],"TaskGroups":[{"Name":"g","#
            + #""Count":\#(count),\#(policies)"EphemeralDisk":{"SizeMB":10},"#
            + #""RestartPolicy":{"Attempts":0,"Interval":60000000000,"Delay":1000000000,"#
            + #""Mode":"fail"},"#
            + #""Tasks":[{"Name":"t","Driver":"mock","Config":\#(work.config),"#
            + #""Env":{"SALT":"\#(salt)"},"#
            + #""LogConfig":{"MaxFiles":1,"MaxFileSizeMB":1},"#
            + #""Resources":{"CPU":\#(cpu),"MemoryMB":\#(Self.memoryMB)}}]}]}}"#
    }

    /// Services are placed again for ever, batch jobs a few times; some are replaced step by step.
    private var policies: String {
        switch type {
        case .system, .sysbatch: return ""
        case .batch:
            return #""ReschedulePolicy":{"Attempts":5,"Interval":86400000000000,"#
                + #""Delay":5000000000,"DelayFunction":"constant","Unlimited":false},"#
        case .service:
            let parallel = isRolling ? 2 : 0
            return #""ReschedulePolicy":{"Delay":5000000000,"DelayFunction":"constant","#
                + #""Unlimited":true},"Update":{"MaxParallel":\#(parallel),"#
                + #""HealthCheck":"task_states","MinHealthyTime":500000000,"#
                + #""HealthyDeadline":300000000000,"ProgressDeadline":7200000000000},"#
        }
    }
}
