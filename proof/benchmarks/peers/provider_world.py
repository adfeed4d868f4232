"""The fault harness's world with any email provider."""

from datetime import timedelta
from pathlib import Path

from functions.shared.settings import MailProviderName
from proof.faults.world import World

_STEP = timedelta(seconds=10)


class ProviderWorld(World):
    """A world whose functions send through a provider.

    Args:
        directory: where the functions' logs go.
        provider: the provider.
    """

    def __init__(self, directory: Path, provider: MailProviderName) -> None:
        super().__init__(directory)
        self._provider = provider

    async def send_mail_events(self) -> None:
        """Have the provider call mail_events with what becomes of the emails."""
        if self._provider is not MailProviderName.RESEND:
            await super().send_mail_events()
            return
        function = await self._function("mail_events")
        webhook = self.inbox.resend.webhook
        webhook.url = f"http://127.0.0.1:{function.port}/resend"
        await webhook.start()

    async def drain(self) -> None:
        """Let time pass until nothing is left to deliver."""
        await super().drain()
        while self.inbox.resend.webhook.unsent:
            self.pass_time(_STEP)
            await super().drain()

    @property
    def variables(self) -> dict[str, str]:
        """Those of the world, and the provider's, for all functions."""
        return {
            **super().variables,
            "MAIL_PROVIDER": self._provider,
            "RESEND_WEBHOOK_SECRET": self.inbox.resend.webhook.secret.text,
        }
