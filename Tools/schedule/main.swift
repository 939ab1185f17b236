// SPDX-License-Identifier: Apache-2.0
//
// Measures the scheduler's placing on neutral workloads:
//
//     swift run -c release schedule FOLDER [PREFIX…] [--dump FOLDER] [--digest] [--repeat N]
//
// reads FOLDER/*.json whose names begin with one of the prefixes (all without any), places every job
// of each, verifies every commit with a checker that shares no code with the placer, and prints
// placements per CPU-second, memory, victims and quality, then a chart of the cost by number of nodes.
// `--dump` writes who is where as CSV. `--digest` prints a number for all that was decided, metrics
// included, which two builds that decide alike have in common. `--repeat` keeps the fastest of N runs.
import Glibc

struct Settings {
    var folder = ""
    var prefixes: [String] = []
    var dumpFolder: String?
    var repeats = 1
    var isDigested = false

    init?(_ arguments: [String]) {
        var rest = arguments[...]
        while let word = rest.popFirst() {
            switch word {
            case "--dump":
                guard let value = rest.popFirst() else { return nil }
                dumpFolder = value
            case "--digest": isDigested = true
            case "--repeat":
                guard let value = rest.popFirst().flatMap({ Int($0) }), value > 0 else {
                    return nil
                }
                repeats = value
            default:
                if folder.isEmpty { folder = word } else { prefixes.append(word) }
            }
        }
        if folder.isEmpty { return nil }
    }
}

guard let settings = Settings(Array(CommandLine.arguments.dropFirst())) else {
    print("usage: schedule FOLDER [PREFIX…] [--dump FOLDER] [--digest] [--repeat N]")
    exit(2)
}
var chart = CostChart()
var isSound = true
print(RunReport.header)
for name in Files.names(in: settings.folder, ending: ".json")
where settings.prefixes.isEmpty || settings.prefixes.contains(where: { name.hasPrefix($0) }) {
    let path = "\(settings.folder)/\(name).json"
    guard let bytes = Files.read(path) else {
        print("\(path): cannot be read")
        exit(1)
    }
    do {
        let workload = try Workload(bytes)
        var best: RunReport?
        for _ in 0..<settings.repeats {
            var run = WorkloadRun(workload, isDigested: settings.isDigested)
            let report = run.measure()
            if best.map({ report.cpuSeconds < $0.cpuSeconds }) ?? true { best = report }
            if let folder = settings.dumpFolder {
                Files.write(run.dump(), to: "\(folder)/\(name).csv")
            }
        }
        guard let report = best else { continue }
        print(report.line)
        if settings.isDigested { print("  digest \(String(report.digest, radix: 16))") }
        for fault in report.faults.prefix(5) { print("  FAULT \(fault)") }
        isSound = isSound && report.faults.isEmpty
        chart.add(report)
    } catch {
        print("\(path): \(error)")
        exit(1)
    }
}
print(chart.text)
exit(isSound ? 0 : 1)
