// send.js FROM TO ...: the message on standard input, to each.  Nodemailer
// resolves although some were refused: they are in "rejected", and why is in
// "rejectedErrors".
const nodemailer = require('nodemailer');

const [from, ...to] = process.argv.slice(2);
const transport = nodemailer.createTransport({
	lmtp: true,
	host: '127.0.0.1',
	port: 24
});

transport.sendMail({ envelope: { from, to }, raw: process.stdin })
	.then((info) => {
		for (const e of info.rejectedErrors || [])
			console.error(`${e.recipient}: ${e.response}`);
		process.exitCode = info.rejected.length > 0 ? 1 : 0;
	}, (e) => {
		console.error(e.response || e.message);
		process.exitCode = 1;
	});
