// Lets a process of its own add up the numbers to 100, and prints what comes back. A worker that dies is replaced.
const { fork } = require("node:child_process");

function ask(attempts) {
    const worker = fork(__filename, ["worker"]);
    let answered = false;
    worker.on("error", () => {});
    worker.on("message", (sum) => {
        answered = true;
        console.log("sum", sum);
    });
    worker.on("exit", (code, signal) => {
        if (answered) return;
        console.error("worker ended with", signal ?? code);
        if (attempts > 1) ask(attempts - 1);
        else process.exitCode = 1;
    });
    worker.send(100, () => {});
}

if (process.argv[2] === "worker") {
    process.once("message", (last) => process.send((last * (last + 1)) / 2, () => process.disconnect()));
} else {
    ask(3);
}
