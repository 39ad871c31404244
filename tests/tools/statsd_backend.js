// A backend of statsd that writes what each flush brings as a line of JSON, for tests.
const fs = require('fs');

exports.init = function (startup, config, events) {
  events.on('flush', function (time, metrics) {
    const { counters, gauges, timers, timer_counters } = metrics;
    fs.appendFileSync(config.file, JSON.stringify({ counters, gauges, timers, timer_counters }) + '\n');
  });
  return true;
};
