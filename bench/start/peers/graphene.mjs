// The first signature of a program with graphene-pk11, classes over the addon pkcs11js. Usage: HOW OFTEN, MODULE, LABEL, PIN
import graphene from "graphene-pk11";
import { tellMemory, words } from "./program.mjs";

const [count, path, label, pin] = words;
const { Module, ObjectClass } = graphene;
const module = Module.load(path, "bench");
module.initialize();
const slots = module.getSlots(true);
const slot = Array.from({ length: slots.length }, (_, index) => slots.items(index))
  .find((each) => each.getToken().label.trim() === label);
const session = slot.open();
session.login(pin);
const key = session.find({ class: ObjectClass.PRIVATE_KEY }).items(0);
const digest = Buffer.alloc(32);
for (let i = 0; i < Number(count); i++) session.createSign("ECDSA", key).once(digest);
module.finalize();
tellMemory(count);
