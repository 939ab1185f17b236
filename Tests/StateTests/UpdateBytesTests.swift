// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletState
import Testing

@Suite("What an update of a node takes in the log") struct UpdateBytesTests {
    private static let update: AllocationUpdate = {
        var event = TaskEvent(type: "Terminated", unixNanoseconds: .max)
        event.displayMessage = "Exit code: 1 – ü"
        event.details = ["exit_code": "1", "": ""]
        var state = TaskState(state: .dead, isFailed: true)
        state.events = [event, TaskEvent(type: "", unixNanoseconds: 0)]
        return AllocationUpdate(
            id: uid(1), clientStatus: .failed, clientDescription: "Failed tasks",
            taskStates: ["web": state, "log shipper": TaskState()], isHealthy: false,
            healthUnixNanoseconds: .max)
    }()

    @Test("Is told without writing it")
    func bytes() {
        func encoded(_ updates: [AllocationUpdate]) -> Int {
            Command.scheduling(
                .updateAllocations(updates, unixNanoseconds: 0, evaluations: [])
            ).encoded().count
        }
        var bare = Self.update
        bare.taskStates = nil
        for update in [Self.update, bare, AllocationUpdate(id: uid(2), clientStatus: .running)] {
            #expect(update.logBytes == encoded([update]) - encoded([]))
        }
    }
}
