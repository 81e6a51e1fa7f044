// Lets a process of its own add up the numbers to 100, and prints what comes back.
const { fork } = require("node:child_process");

if (process.argv[2] === "worker") {
    process.once("message", (last) => process.send((last * (last + 1)) / 2, () => process.disconnect()));
} else {
    const worker = fork(__filename, ["worker"]);
    worker.on("error", () => {});
    worker.on("message", (sum) => console.log("sum", sum));
    worker.send(100, () => {});
}
