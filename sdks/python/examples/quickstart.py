"""Ask one flag and follow it: WAYFORK_KEY=srv_... python quickstart.py [flag]"""

import sys
import time

from wayfork import Client

flag = sys.argv[1] if len(sys.argv) > 1 else "quote-form"
person = {"userId": "u-42", "country": "DE"}
client = Client.from_env()
client.wait_ready(5)
answer = client.details(flag, None, person)
print(f"{flag} = {answer.value} (reason: {answer.reason})")
client.on_change(flag, lambda _: print(flag, "is now", client.peek(flag, None, person)))
time.sleep(600)
